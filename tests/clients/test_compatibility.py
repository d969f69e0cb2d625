"""Verdicts against the programs: what each client made of an asset is what the registry says it would."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from . import installs
from .conftest import Account
from .tree import BASE, BUNDLE, MEMBERS, NAME, Files, Registry, in_folder, skill

pytestmark = pytest.mark.client

Install = Callable[[Account, str], Files]

_LIMITS = b'[check]\npreset = "lenient"\n[check.limits]\nfiles = 2000\n[emit]\nenable = ["core", "extras"]\n'
_EXECUTABLE = ("skills/bits/scripts/run.sh",)
_PACKAGE = b'{"name": "mine", "version": "9.9.9", "scripts": {"postinstall": "exit 1"}}\n'
_SEEN = {"installed": ("works", "truncated"), "altered": ("field-ignored",), "absent": ("refused",)}
SAMPLES: Mapping[str, dict[str, bytes]] = {
    "plain": skill("plain", "Nothing is odd about it."),
    "bits": skill("bits", "Its script is executable."),
    "long": skill("long", "ä" * 1_025),
    "many": {**skill("many", "Many."), **{f"skills/many/data/{n}.txt": b"x\n" for n in range(998)}},
    "tarless": {**skill("tarless", "No tar."), f"skills/tarless/data/{'n' * 101}": b"x\n"},
    "package": {**skill("package", "A package."), "skills/package/package.json": _PACKAGE},
    "ignore": {**skill("ignore", "Ignores."), "skills/ignore/data/.gitignore": b"*.tmp\n"},
    "hash": {**skill("hash", "A sign."), "skills/hash/data/a#b.txt": b"x\n"},
    "alone": {"skills/alone/SKILL.md": b"---\nname: alone\ndescription: One file.\n---\n\n# Alone\n"},
    "internal": {
        "skills/internal/SKILL.md": b"---\nname: internal\ndescription: Hidden.\nmetadata:\n"
        b"  internal: true\n---\n\n# Internal\n"
    },
    "order": {"commands/order/COMMAND.md": b"---\nname: order\ndescription: Does it.\n---\n\nDo it.\n"},
}


@pytest.fixture
def odd(registry: Registry) -> Registry:
    """The registry with every sample, our own limit of files raised."""
    files = {path: data for sample in SAMPLES.values() for path, data in sample.items()}
    registry.commit({"registry.toml": _LIMITS, **files}, executable=_EXECUTABLE)
    registry.build()
    return registry


def _in_git(sample: Mapping[str, bytes]) -> Files:
    """The files of a sample below its folder, as they were committed."""
    return {path.split("/", 2)[2]: (data, path in _EXECUTABLE) for path, data in sample.items()}


def _seen(arrived: Files, wanted: Files) -> str:
    """What came of an install, in one word. A package.json that npm needs is no alteration."""
    if not arrived:
        return "absent"
    extra = {} if "package.json" in wanted else {"package.json": arrived.get("package.json")}
    return "installed" if {**arrived, **extra} == {**wanted, **extra} else "altered"


@pytest.mark.parametrize(
    ("client", "install"),
    [
        ("claude", installs.claude),
        ("claude-npm", installs.claude_npm),
        ("clawhub", installs.clawhub),
        ("copilot", installs.copilot),
        ("npm", installs.npm),
        ("opencode", installs.opencode),
        ("skills", installs.skills),
    ],
)
def test_the_verdict_is_what_was_seen(account: Account, odd: Registry, client: str, install: Install) -> None:
    told, seen = {}, {}
    for name, sample in SAMPLES.items():
        word = odd.document(f"api/v1/index/{name}.json")["clients"][client]
        told[name] = next(what for what, words in _SEEN.items() if word in words)
        seen[name] = _seen(install(account, name), _in_git(sample))
    assert seen == told


def test_copilot_loads_no_plugin_with_a_long_description(
    account: Account, odd: Registry, tmp_path: Path
) -> None:
    odd.commit(skill("alpha", "ä" * 1_025))
    odd.build()
    told = [odd.document(f"api/v1/index/{name}.json")["clients"]["copilot-zip"] for name in MEMBERS]
    assert told == ["refused", "works"]
    folder = tmp_path / "market"
    subprocess.run(["unzip", "-q", odd.dist / f"copilot/{BUNDLE}.zip", "-d", folder], check=True)
    account.does("copilot", "plugin", "marketplace", "add", folder)
    for name in MEMBERS:
        account.does("copilot", "plugin", "install", f"{name}@{NAME}-{BUNDLE}")
    loaded, failed = account.does("copilot", "skill", "list").split("failed to load")
    assert ("alpha" in loaded, "beta" in loaded) == (False, True)
    assert "plugins/alpha/SKILL.md: Skill description must be at most 1024 characters" in failed


def test_executable_bits_are_lost_in_skills_and_kept_by_claude(account: Account, odd: Registry) -> None:
    script = "scripts/run.sh"
    assert odd.in_git("bits")[script][1]
    data, kept = installs.claude(account, "bits")[script]
    assert kept
    assert installs.skills(account, "bits")[script] == (data, False)
    installed = account.home / ".claude/skills/bits" / script
    assert installed.stat().st_mode & 0o777 == 0o644


def test_skills_drops_what_has_over_a_thousand_files_even_when_the_index_names_it(
    account: Account, odd: Registry
) -> None:
    """The index leaves it out; here it is put back, so that the limit is seen to be the client's."""
    key = "s/many/.well-known/agent-skills/index.json"
    assert odd.document(key)["skills"] == []
    for name, arrives in (("many", False), ("plain", True)):
        _list(odd, key, name)
        assert bool(installs.skills(account, "many")) is arrives


def _list(odd: Registry, key: str, name: str) -> None:
    """Make the index at `key` name the archive of `name`, as "many"."""
    document = odd.document(f"api/v1/index/{name}.json")
    digest = f"sha256:{document['versions'][-1]['sha256']}"
    entry = {"name": "many", "type": "archive", "description": "Many.", "url": document["url"]}
    index = {**odd.document(key), "skills": [{**entry, "digest": digest}]}
    (odd.dist / key).unlink()
    (odd.dist / key).write_text(json.dumps(index))


def test_skills_installs_what_is_internal_when_it_is_named(account: Account, odd: Registry) -> None:
    """What the mend of the rule says."""
    told = ["-a", "claude-code", "-y", "-g", "--skill", "internal"]
    account.does("skills", "add", f"{BASE}/s/internal", *told)
    assert list(in_folder(account.home / ".claude/skills/internal")) == ["SKILL.md"]


def test_npm_runs_nothing_of_a_package_and_gives_it_our_name(account: Account, odd: Registry) -> None:
    manifest = json.loads(installs.npm(account, "package")["package.json"][0])
    assert (manifest["name"], manifest["version"], manifest["scripts"]) == (f"@{NAME}/package", "1.0.0", {})
    assert [path for path in installs.npm(account, "ignore") if "ignore" in path] == ["data/.npmignore"]
