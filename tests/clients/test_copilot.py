"""Copilot CLI: a skill by the URL of its SKILL.md, and a collection by its zip, unpacked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import Account
from .tree import BASE, BUNDLE, MEMBERS, NAME, SKILLS, Registry, in_folder, skill

pytestmark = pytest.mark.client

MARKET = f"{NAME}-{BUNDLE}"


def _unpack(registry: Registry, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["unzip", "-q", registry.dist / f"copilot/{BUNDLE}.zip", "-d", folder], check=True)
    return folder


@pytest.mark.parametrize("name", SKILLS)
def test_skill_add_takes_the_skill_file_as_git_has_it(
    account: Account, registry: Registry, name: str
) -> None:
    account.does("copilot", "skill", "add", f"{BASE}/.well-known/skills/{name}/SKILL.md")
    added = account.home / ".copilot" / "skills" / name / "SKILL.md"
    assert added.read_bytes() == registry.in_git(name)["SKILL.md"][0]
    assert name in account.does("copilot", "skill", "list")


def test_the_unpacked_collection_installs_the_bytes_and_bits_of_git(
    account: Account, registry: Registry, tmp_path: Path
) -> None:
    folder = _unpack(registry, tmp_path / "market")
    account.does("copilot", "plugin", "marketplace", "add", folder)
    for name in MEMBERS:
        installed = account.does("copilot", "plugin", "install", f"{name}@{MARKET}")
        assert "Installed 1 skill" in installed
        # This client loads a local marketplace from where it is, and copies nothing.
        assert str(folder / "plugins" / name) in installed
        assert in_folder(folder / "plugins" / name) == registry.in_git(name)
    listed = account.does("copilot", "skill", "list")
    assert [name for name in SKILLS if name in listed] == list(MEMBERS)


def test_a_new_version_of_a_member_is_in_the_next_zip(
    account: Account, registry: Registry, tmp_path: Path
) -> None:
    _unpack(registry, tmp_path / "first")
    registry.commit(skill("beta", "Prüft Zitate genauer."), executable=("skills/beta/scripts/run.sh",))
    registry.build()
    folder = _unpack(registry, tmp_path / "second")
    account.does("copilot", "plugin", "marketplace", "add", folder)
    account.does("copilot", "plugin", "install", f"beta@{MARKET}")
    assert "beta@reg-papers (v2.0.0)" in account.does("copilot", "plugin", "list")
    assert (
        in_folder(folder / "plugins/beta")
        == registry.in_git("beta")
        != in_folder(tmp_path / "first/plugins/beta")
    )
