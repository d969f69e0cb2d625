"""OpenCode: it lists what the index names, with the files of Git, and brings a new version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import PROGRAMS, Account
from .tree import BASE, Registry, bytes_of, in_folder, skill

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(
        not (PROGRAMS / ".bin" / "opencode").exists(), reason="OpenCode is pinned for Linux on x64 alone"
    ),
]

PLAIN = ("alpha", "gamma")
"""`beta` has a file with # and % in its name, which this client cannot ask for."""


def _listed(account: Account) -> dict[str, Path]:
    """Skill that came from the registry → its folder."""
    config = {
        "$schema": "https://opencode.ai/config.json",
        "skills": {"urls": [f"{BASE}/.well-known/skills/"]},
    }
    (account.home / "opencode.json").write_text(json.dumps(config))
    found = json.loads(account.does("opencode", "debug", "skill"))
    folders = {item["name"]: Path(item["location"]).parent for item in found}
    return {name: folder for name, folder in folders.items() if folder.is_relative_to(account.home)}


def _files(folder: Path) -> dict[str, bytes]:
    """Executable bits are not compared: this client writes every file as 0644."""
    return {path: data for path, data in bytes_of(in_folder(folder)).items() if path != ".opencode-version"}


def test_what_the_index_names_is_listed_with_the_files_of_git(account: Account, registry: Registry) -> None:
    listed = _listed(account)
    index = registry.document(".well-known/skills/index.json")
    assert tuple(sorted(listed)) == tuple(item["name"] for item in index["skills"]) == PLAIN
    for name in PLAIN:
        assert _files(listed[name]) == bytes_of(registry.in_git(name))


def test_a_new_version_replaces_the_files(account: Account, registry: Registry) -> None:
    first = _files(_listed(account)["alpha"])
    changed = {
        **skill("alpha", "Turns a page into better notes."),
        "skills/alpha/a b ü (1)+&'$@=;,!.txt": b"odd\n",
    }
    registry.commit(changed)
    registry.build()
    second = _files(_listed(account)["alpha"])
    assert second == bytes_of(registry.in_git("alpha")) != first
