"""Codex CLI: the repository is added over dumb HTTP, and what it installs and upgrades is what Git holds."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from .authority import Authority
from .conftest import PROGRAMS, Account
from .tree import BASE, NAME, SKILLS, Files, Registry, in_folder, skill

pytestmark = pytest.mark.client

MARKET = f"{BASE}/git/{NAME}.git"
MANIFEST = ".claude-plugin/plugin.json"


@pytest.fixture
def codex(account: Account, authority: Authority) -> Account:
    """An account whose Git trusts the test authority too: Codex starts Git for a marketplace."""
    if not (PROGRAMS / ".bin" / "codex").exists():
        pytest.skip(f"codex is not installed in {PROGRAMS}: make setup")
    assert shutil.which("git"), "Codex needs Git"
    return dataclasses.replace(account, env={**account.env, "GIT_SSL_CAINFO": str(authority.root)})


@pytest.fixture
def market(registry: Registry) -> Registry:
    """The registry with the emitter `git` switched on."""
    registry.commit({"registry.toml": b'[emit]\nenable = ["core", "git"]\n'})
    registry.build()
    return registry


def _installed(codex: Account, name: str) -> dict[str, Files]:
    """Version → the skill's files, as they lie where Codex looks for them."""
    cache = codex.home / ".codex" / "plugins" / "cache" / NAME / name
    found = {}
    for folder in sorted(cache.iterdir()) if cache.is_dir() else ():
        files = in_folder(folder)
        prefix = f"skills/{name}/"
        assert [path for path in files if not path.startswith(prefix)] == [MANIFEST]
        found[folder.name] = {path.removeprefix(prefix): files[path] for path in files if path != MANIFEST}
    return found


def _listed(codex: Account) -> dict[str, list[str]]:
    """Plugin → the words of its line."""
    lines = [line.split() for line in codex.does("codex", "plugin", "list").splitlines()]
    return {words[0]: words[1:] for words in lines if words and words[0].endswith(f"@{NAME}")}


def test_it_is_the_pinned_version(codex: Account) -> None:
    pinned = json.loads((Path(__file__).parent / "package.json").read_text())["dependencies"]["@openai/codex"]
    assert codex.does("codex", "--version").splitlines()[-1] == f"codex-cli {pinned}"


def test_marketplace_add_lists_every_skill(codex: Account, market: Registry) -> None:
    assert f"`{NAME}`" in codex.does("codex", "plugin", "marketplace", "add", MARKET)
    listed = _listed(codex)
    assert sorted(listed) == [f"{name}@{NAME}" for name in SKILLS]
    assert {words[0] for words in listed.values()} == {"not"}


@pytest.mark.parametrize("name", SKILLS)
def test_add_installs_the_bytes_and_bits_of_git(codex: Account, market: Registry, name: str) -> None:
    codex.does("codex", "plugin", "marketplace", "add", MARKET)
    codex.does("codex", "plugin", "add", f"{name}@{NAME}")
    assert _installed(codex, name) == {"1.0.0": market.in_git(name)}
    assert _listed(codex)[f"{name}@{NAME}"][0] == "installed,"


def test_upgrade_brings_the_version_published_since(codex: Account, market: Registry) -> None:
    codex.does("codex", "plugin", "marketplace", "add", MARKET)
    codex.does("codex", "plugin", "add", f"alpha@{NAME}")
    market.commit(
        {**skill("alpha", "Turns a page into better notes."), "skills/alpha/scripts/more.sh": b"#!/bin/sh\n"},
        executable=("skills/alpha/scripts/run.sh", "skills/alpha/scripts/more.sh"),
    )
    market.build()
    told = codex.does("codex", "plugin", "marketplace", "upgrade")
    assert _installed(codex, "alpha") == {"2.0.0": market.in_git("alpha")}, told


def test_a_catalogue_by_its_url_is_no_marketplace(codex: Account, market: Registry) -> None:
    """Why there is a repository at all: Codex clones whatever URL it is given."""
    assert codex.run("codex", "plugin", "marketplace", "add", f"{BASE}/marketplace.json").code != 0
