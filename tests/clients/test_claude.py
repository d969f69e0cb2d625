"""Claude Code: every catalogue is valid, and what it installs and updates is what Git holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Account
from .tree import BASE, BUNDLE, MEMBERS, NAME, SKILLS, Files, Registry, in_folder, skill

pytestmark = pytest.mark.client

CATALOGUE = f"{BASE}/marketplace.json"


def _installed(account: Account) -> dict[str, Path]:
    """Plugin → its folder, as Claude Code has noted it; no entry when nothing was ever installed."""
    noted = account.home / ".claude" / "plugins" / "installed_plugins.json"
    if not noted.exists():
        return {}
    plugins = json.loads(noted.read_text())["plugins"]
    return {plugin: Path(places[0]["installPath"]) for plugin, places in plugins.items() if places}


def _files(account: Account, name: str, market: str = NAME) -> Files:
    return in_folder(_installed(account)[f"{name}@{market}"])


def _install(account: Account, name: str, catalogue: str = CATALOGUE) -> str:
    return account.does("claude", "plugin", "install", name, "--marketplace", catalogue)


def test_every_catalogue_passes_the_strict_validation(account: Account, registry: Registry) -> None:
    catalogues = sorted(path for path in registry.dist.rglob("*.json") if path.name.startswith("marketplace"))
    catalogues += sorted((registry.dist / "marketplace").rglob("*.json"))
    names = [path.relative_to(registry.dist).as_posix() for path in catalogues]
    assert names == ["marketplace-npm.json", "marketplace.json", f"marketplace/collections/{BUNDLE}.json"]
    for path in catalogues:
        account.does("claude", "plugin", "validate", "--strict", path)


def test_a_broken_catalogue_fails_the_strict_validation(account: Account, registry: Registry) -> None:
    """The guard of the test above: this validation can fail."""
    broken = registry.document("marketplace.json")
    broken["plugins"][0]["surprise"] = True
    path = account.home / "marketplace.json"
    path.write_text(json.dumps(broken))
    assert account.run("claude", "plugin", "validate", "--strict", path).code == 1


@pytest.mark.parametrize("name", SKILLS)
def test_one_line_installs_the_bytes_and_bits_of_git(account: Account, registry: Registry, name: str) -> None:
    _install(account, name)
    assert list(_installed(account)) == [f"{name}@{NAME}"]
    assert _files(account, name) == registry.in_git(name)
    assert name in account.does("claude", "plugin", "details", f"{name}@{NAME}")


def test_update_brings_the_version_published_since(account: Account, registry: Registry) -> None:
    _install(account, "alpha")
    first = registry.in_git("alpha")
    registry.commit(
        {**skill("alpha", "Turns a page into better notes."), "skills/alpha/scripts/more.sh": b"#!/bin/sh\n"},
        executable=("skills/alpha/scripts/run.sh", "skills/alpha/scripts/more.sh"),
    )
    registry.build()
    account.does("claude", "plugin", "marketplace", "update", NAME)
    account.does("claude", "plugin", "update", f"alpha@{NAME}")
    second = registry.in_git("alpha")
    assert second != first
    assert _files(account, "alpha") == second
    assert _installed(account)[f"alpha@{NAME}"].name == "2.0.0"


def test_a_bundle_installs_its_members(account: Account, registry: Registry) -> None:
    account.does("claude", "plugin", "marketplace", "add", CATALOGUE)
    account.does("claude", "plugin", "install", f"{BUNDLE}@{NAME}")
    assert sorted(_installed(account)) == sorted(f"{name}@{NAME}" for name in (BUNDLE, *MEMBERS))
    for name in MEMBERS:
        assert _files(account, name) == registry.in_git(name)


def test_the_catalogue_of_a_collection_installs_its_members(account: Account, registry: Registry) -> None:
    _install(account, BUNDLE, f"{BASE}/marketplace/collections/{BUNDLE}.json")
    market = f"{NAME}-{BUNDLE}"
    assert sorted(_installed(account)) == sorted(f"{name}@{market}" for name in (BUNDLE, *MEMBERS))
    for name in MEMBERS:
        assert _files(account, name, market) == registry.in_git(name)


@pytest.mark.parametrize("name", MEMBERS)
def test_the_npm_catalogue_installs_the_same_files(account: Account, registry: Registry, name: str) -> None:
    _install(account, name, f"{BASE}/marketplace-npm.json")
    files = _files(account, name)
    assert files.pop("package.json")
    assert files == registry.in_git(name)


def test_bytes_that_do_not_have_the_digest_are_refused(account: Account, registry: Registry) -> None:
    (entry,) = (item for item in registry.document("marketplace.json")["plugins"] if item["name"] == "alpha")
    artifact = registry.dist / entry["source"]["url"].removeprefix(f"{BASE}/")
    body = bytearray(artifact.read_bytes())
    body[body.index(b"Turns a page")] ^= 1
    artifact.chmod(0o644)
    artifact.write_bytes(body)
    finished = account.run("claude", "plugin", "install", "alpha", "--marketplace", CATALOGUE)
    assert finished.code != 0
    assert "integrity check failed" in finished.output
    assert entry["source"]["sha256"] in finished.output
    assert _installed(account) == {}
    assert list((account.home / ".claude").rglob("SKILL.md")) == []
