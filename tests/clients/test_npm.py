"""npm itself: names and versions are shown, and a packed tarball is checked and holds what Git has."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import Account
from .tree import BASE, NAME, SKILLS, Files, Registry, skill

pytestmark = pytest.mark.client

REGISTRY = f"--registry={BASE}/npm/"


def _view(account: Account, name: str) -> Any:
    return json.loads(account.does("npm", "view", f"@{NAME}/{name}", REGISTRY, "--json"))


def _packed(account: Account, spec: str) -> tuple[Any, Path]:
    (told,) = json.loads(account.does("npm", "pack", spec, REGISTRY, "--json"))
    return told, account.home / told["filename"]


def _unpacked(tarball: Path) -> Files:
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
        assert all(member.isreg() for member in members)
        found: Files = {}
        for member in members:
            body = archive.extractfile(member)
            assert body is not None
            found[member.name.removeprefix("package/")] = (body.read(), bool(member.mode & 0o111))
    return found


@pytest.mark.parametrize("name", SKILLS)
def test_view_tells_the_name_and_its_newest_version(account: Account, registry: Registry, name: str) -> None:
    told = _view(account, name)
    assert (told["name"], told["version"], told["license"]) == (f"@{NAME}/{name}", "1.0.0", "MIT")
    assert told["dist-tags"] == {"latest": "1.0.0"}


@pytest.mark.parametrize("name", SKILLS)
def test_pack_gets_the_files_of_git_and_checks_them(account: Account, registry: Registry, name: str) -> None:
    told, tarball = _packed(account, f"@{NAME}/{name}")
    sha512 = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    assert told["integrity"] == _view(account, name)["dist"]["integrity"] == f"sha512-{sha512}"
    files = _unpacked(tarball)
    manifest, _ = files.pop("package.json")
    assert (json.loads(manifest)["name"], json.loads(manifest)["version"]) == (f"@{NAME}/{name}", "1.0.0")
    assert files == registry.in_git(name)


def test_both_versions_can_be_had_after_a_second(account: Account, registry: Registry) -> None:
    first = registry.in_git("gamma")
    registry.commit(skill("gamma", "Changed."), executable=("skills/gamma/scripts/run.sh",))
    registry.build()
    assert _view(account, "gamma")["versions"] == ["1.0.0", "2.0.0"]
    for spec, files in (("1.0.0", first), ("latest", registry.in_git("gamma")), ("^1.0.0", first)):
        _, tarball = _packed(account, f"@{NAME}/gamma@{spec}")
        unpacked = _unpacked(tarball)
        del unpacked["package.json"]
        assert unpacked == files


def test_bytes_that_do_not_have_the_digest_are_refused(account: Account, registry: Registry) -> None:
    packument = registry.document(f"npm/@{NAME}/alpha")
    tarball = registry.dist / packument["versions"]["1.0.0"]["dist"]["tarball"].removeprefix(f"{BASE}/")
    body = bytearray(tarball.read_bytes())
    body[body.index(b"Turns a page")] ^= 1
    tarball.chmod(0o644)
    tarball.write_bytes(body)
    finished = account.run("npm", "pack", f"@{NAME}/alpha", REGISTRY)
    assert finished.code != 0
    assert "EINTEGRITY" in finished.output
    assert list(account.home.glob("*.tgz")) == []


def test_a_name_that_is_not_here_is_not_found(account: Account, registry: Registry) -> None:
    finished = account.run("npm", "view", f"@{NAME}/nothing", REGISTRY)
    assert finished.code != 0
    assert "E404" in finished.output
