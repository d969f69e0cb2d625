"""`skills`: the whole registry, one skill and one collection are installed as Git has them, and updated."""

from __future__ import annotations

import json

import pytest

from .conftest import Account
from .tree import BASE, BUNDLE, MEMBERS, SKILLS, Registry, bytes_of, in_folder, skill

pytestmark = pytest.mark.client


def _add(account: Account, url: str) -> None:
    account.does("skills", "add", url, "-a", "claude-code", "-y", "-g", "--skill", "*")


def _installed(account: Account) -> dict[str, dict[str, bytes]]:
    """Skill → its files. Executable bits are not compared: this client writes every file as 0644."""
    folder = account.home / ".claude" / "skills"
    return {path.name: bytes_of(in_folder(path.resolve())) for path in sorted(folder.iterdir())}


def _in_git(registry: Registry, *names: str) -> dict[str, dict[str, bytes]]:
    return {name: bytes_of(registry.in_git(name)) for name in names}


@pytest.mark.parametrize(
    ("url", "names"),
    [(BASE, SKILLS), *((f"{BASE}/s/{name}", (name,)) for name in SKILLS), (f"{BASE}/s/{BUNDLE}", MEMBERS)],
)
def test_add_installs_what_the_url_names_and_nothing_else(
    account: Account, registry: Registry, url: str, names: tuple[str, ...]
) -> None:
    _add(account, url)
    assert _installed(account) == _in_git(registry, *names)


@pytest.mark.parametrize(
    ("scope", "names"), [("", SKILLS), ("s/beta/", ("beta",)), (f"s/{BUNDLE}/", MEMBERS)]
)
def test_update_brings_what_was_published_since(
    account: Account, registry: Registry, scope: str, names: tuple[str, ...]
) -> None:
    _add(account, f"{BASE}/{scope}")
    before = _installed(account)
    registry.commit(skill("beta", "Prüft Zitate genauer."), executable=("skills/beta/scripts/run.sh",))
    registry.build()
    account.does("skills", "update", "-g", "-y")
    assert _installed(account) == _in_git(registry, *names) != before
    index = registry.document(f"{scope}.well-known/agent-skills/index.json")
    locked = json.loads((account.home / ".agents" / ".skill-lock.json").read_text())["skills"]
    for entry in index["skills"]:
        assert entry["digest"] in locked[entry["name"]].values()


def test_bytes_that_do_not_have_the_digest_are_refused(account: Account, registry: Registry) -> None:
    index = registry.document("s/alpha/.well-known/agent-skills/index.json")
    artifact = registry.dist / index["skills"][0]["url"].removeprefix(f"{BASE}/")
    body = bytearray(artifact.read_bytes())
    body[body.index(b"Turns a page")] ^= 1
    artifact.chmod(0o644)
    artifact.write_bytes(body)
    account.run("skills", "add", f"{BASE}/s/alpha", "-a", "claude-code", "-y", "-g", "--skill", "*")
    assert list(account.home.rglob("SKILL.md")) == []
