"""clawhub: one registry base for each skill; it installs and updates what Git holds."""

from __future__ import annotations

import json

import pytest

from .conftest import Account
from .tree import BASE, SKILLS, Registry, bytes_of, in_folder, skill

pytestmark = pytest.mark.client


def _clawhub(account: Account, command: str, name: str) -> str:
    base = f"{BASE}/clawhub/{name}"
    return account.does("clawhub", "--no-input", "--registry", base, "--workdir", account.home, command, name)


def _installed(account: Account, name: str) -> dict[str, bytes]:
    """Executable bits are not compared: this client writes every file as 0644."""
    files = bytes_of(in_folder(account.home / "skills" / name))
    return {path: data for path, data in files.items() if not path.startswith(".clawhub/")}


@pytest.mark.parametrize("name", SKILLS)
def test_install_writes_the_files_of_git(account: Account, registry: Registry, name: str) -> None:
    _clawhub(account, "install", name)
    assert _installed(account, name) == bytes_of(registry.in_git(name))


def test_update_brings_what_was_published_since(account: Account, registry: Registry) -> None:
    _clawhub(account, "install", "beta")
    first = _installed(account, "beta")
    assert "up to date" in _clawhub(account, "update", "beta")
    registry.commit(skill("beta", "Prüft Zitate genauer."))
    registry.build()
    assert "2.0.0" in _clawhub(account, "update", "beta")
    assert _installed(account, "beta") == bytes_of(registry.in_git("beta")) != first
    assert (
        json.loads((account.home / ".clawhub/lock.json").read_text())["skills"]["beta"]["version"] == "2.0.0"
    )


def test_what_was_yanked_is_not_installed(account: Account, registry: Registry) -> None:
    registry.commit(
        {"advisories.toml": b'[[advisory]]\nskill = "alpha"\nstate = "yanked"\nreason = "it lies"\n'}
    )
    registry.build()
    base = f"{BASE}/clawhub/alpha"
    finished = account.run(
        "clawhub", "--no-input", "--registry", base, "--workdir", account.home, "install", "alpha"
    )
    assert finished.code != 0
    assert list(account.home.rglob("SKILL.md")) == []
