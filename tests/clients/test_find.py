"""`skills find`: it lists the skills of the registry, and what it names can be added."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from .conftest import Account
from .tree import BASE, SKILLS, Registry, bytes_of, in_folder, skill

pytestmark = pytest.mark.client

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _found(account: Account) -> list[str]:
    """What is shown of each skill found: where it can be added from, an @, its name."""
    told = replace(account, env={**account.env, "SKILLS_API_URL": BASE})
    lines = _COLOUR.sub("", told.does("skills", "find", "notes")).splitlines()
    return [line for line in lines if line.startswith(BASE)]


def test_every_skill_is_found(account: Account, registry: Registry) -> None:
    assert _found(account) == [f"{BASE}/s/{name}@{name}" for name in SKILLS]


def test_a_new_skill_is_found(account: Account, registry: Registry) -> None:
    registry.commit(skill("delta", "Came later."))
    registry.build()
    assert f"{BASE}/s/delta@delta" in _found(account)


def test_what_is_found_can_be_added(account: Account, registry: Registry) -> None:
    source, _, name = _found(account)[0].rpartition("@")
    account.does("skills", "add", source, "--skill", name, "-a", "claude-code", "-g", "-y")
    folder = (account.home / ".claude" / "skills" / name).resolve()
    assert bytes_of(in_folder(folder)) == bytes_of(registry.in_git(name))
