"""Verdicts: for each rule what it minds and what it does not, and that our own formats agree with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from registry_builder.core.artifact import pack
from registry_builder.core.compatibility import (
    CLIENTS,
    RULES,
    WORDS,
    Verdict,
    compatibility_page,
    named,
    offered,
    verdicts,
)
from registry_builder.core.compatibility.facts import facts_of
from registry_builder.core.config import RegistryFile
from registry_builder.core.folder import File, Folder, git_tree, sorted_files
from registry_builder.core.ledger import Document, Moment
from registry_builder.core.rules import Policy, check_folder
from registry_builder.core.rules.rule import Limits
from registry_builder.core.skill import Skill
from registry_builder.emit import claude, copilot, discovery_v01, npm, sx, well_known
from registry_builder.emit import git_tree as git_emitter
from registry_builder.emit.base import Collection, Page, Site, Source, summarise
from registry_builder.emit.table import EMITTERS
from registry_builder.press import check, press
from registry_builder.settings import Flags, Settings, settle

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
PROMPTS = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}
LARGE = Policy(preset="lenient", limits=Limits(files=20_000, bytes=1 << 30, file_bytes=1 << 30))
PLUGIN = ".claude-plugin/plugin.json"
MEBIBYTE = 1 << 20
Paths = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Asset:
    """A folder in short: `files` beside the prompt; those in `bits` are executable."""

    files: Paths
    bits: tuple[str, ...] = ()
    type: str = "skill"
    description: str = "Does it."
    front: str = ""
    body: str = "Text.\n"

    def folder(self) -> Folder:
        said = json.dumps(self.description, ensure_ascii=False)
        front = f"---\nname: aa\ndescription: {said}\n{self.front}---\n\n{self.body}"
        prompt = {PROMPTS[self.type]: front.encode()} if self.type in PROMPTS else {}
        given = {**prompt, **self.files}
        files = sorted_files(File(path, data, path in self.bits) for path, data in given.items())
        return Folder("aa", f"{self.type}s/aa", git_tree(files), files, (), self.type)


def plugin(**fields: str) -> dict[str, bytes]:
    return {PLUGIN: json.dumps({"name": "aa", "description": "Does it.", **fields}).encode()}


def read(asset: Asset) -> tuple[Skill, Folder]:
    folder = asset.folder()
    skill, findings = check_folder(folder, LARGE)
    assert skill is not None, [item for item in findings if item.level == "error"]
    return skill, folder


def judged(asset: Asset) -> dict[str, Verdict]:
    skill, folder = read(asset)
    return {item.client: item for item in verdicts(skill, folder.files, CLIENTS)}


def of_rules(asset: Asset) -> dict[str, set[str]]:
    """Rule → the clients that have it among their reasons."""
    found: dict[str, set[str]] = {}
    for verdict in judged(asset).values():
        for reason in verdict.reasons:
            found.setdefault(reason.rule, set()).add(verdict.client)
    return found


def many(count: int) -> Paths:
    """So many files that there are `count` with SKILL.md."""
    return {f"data/{number}.txt": b"x" for number in range(count - 1)}


def weighing(size: int) -> Asset:
    """A skill whose artifact has `size` bytes."""
    skill, folder = read(Asset({"data/a.bin": b""}))
    return Asset({"data/a.bin": bytes(size - facts_of(skill, folder.files).size)})


def holding(size: int) -> Asset:
    """A skill of `size` bytes unpacked."""
    skill, folder = read(Asset({"data/a.bin": b""}))
    return Asset({"data/a.bin": bytes(size - facts_of(skill, folder.files).bytes)})


def below_name(length: int) -> str:
    """A path of `length` bytes whose last part is as long as ustar's field for it allows."""
    folder = "f" * (length - 100 - 1)
    return f"{folder}/{'n' * 100}"


RUN = {"scripts/run.sh": b"#!/bin/sh\n"}
CASES: dict[str, tuple[Asset, Asset]] = {
    "archive-size": (weighing(256 * MEBIBYTE + 1), weighing(256 * MEBIBYTE)),
    "bits-lost": (Asset(RUN, ("scripts/run.sh",)), Asset(RUN)),
    "catalogue-description": (Asset({}, description="ä" * 1025), Asset({}, description="😀" * 1024)),
    "copilot-zip-path": (
        Asset({"/".join(["d" * 250] * 4) + "/" + "n" * 10: b""}),
        Asset({"/".join(["d" * 250] * 4) + "/" + "n": b""}),
    ),
    "copilot-zip-size": (Asset(many(10_001)), Asset(many(10_000))),
    "git-path": (
        Asset({".claude-plugin/.gitattributes": b"", **plugin()}, type="plugin"),
        Asset({".gitignore": b"", "gitattributes": b"", **plugin()}, type="plugin"),
    ),
    "index-description": (Asset({}, description="😀" * 513), Asset({}, description="ä" * 1024)),
    "internal": (
        Asset({}, front="metadata:\n  internal: true\n"),
        Asset({}, front='metadata:\n  internal: "true"\n'),
    ),
    "npm-ignore-file": (Asset({"data/.gitignore": b"x"}), Asset({"a.gitignore": b"x", ".npmignore": b"x"})),
    "npm-manifest": (Asset({"Package.JSON": b"{}"}), Asset({"sub/package.json": b"{}"})),
    "npm-path": (Asset({f"d/{'ä' * 51}": b""}), Asset({below_name(247): b"", f"d/{'ä' * 50}": b""})),
    "opencode-files": (Asset(many(1_001)), Asset(many(1_000))),
    "opencode-path": (Asset({"data/a#b.txt": b""}), Asset({"data/a +&é 日.txt": b""})),
    "plugin-name": (Asset(plugin(name="bb"), type="plugin"), Asset(plugin(), type="plugin")),
    "plugin-version": (Asset(plugin(version="1.0.0")), Asset(plugin())),
    "prompt-only": (
        Asset({"notes.md": b"# Notes\n"}, type="agent"),
        Asset({"metadata.toml": b""}, type="rule"),
    ),
    "skill-md-only": (Asset({"notes.md": b"# Notes\n"}), Asset({})),
    "skills-archive": (weighing(10 * MEBIBYTE + 1), weighing(10 * MEBIBYTE)),
    "skills-bytes": (holding(50 * MEBIBYTE + 1), holding(50 * MEBIBYTE)),
    "skills-files": (Asset(many(1_001)), Asset(many(1_000))),
    "unknown-type": (Asset({}, type="command"), Asset({})),
}


def test_every_rule_has_a_case() -> None:
    assert sorted(CASES) == sorted([*(rule.id for rule in RULES), "unknown-type"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_speaks_for_its_clients_exactly_when_its_cause_is_there(rule) -> None:
    bad, good = CASES[rule.id]
    told = judged(bad)
    assert of_rules(bad)[rule.id] == rule.clients
    assert all(WORDS.index(told[client].word) >= WORDS.index(rule.word) for client in rule.clients)
    assert rule.id not in of_rules(good)
    assert judged(good)["curl"].word == told["curl"].word == "works"


def test_a_type_that_is_not_served_is_refused_and_nothing_else_is_said() -> None:
    told = judged(Asset({"run.sh": b"#!/bin/sh\n"}, ("run.sh",), type="command", description="ä" * 1025))
    refused = {client for client, item in told.items() if item.word == "refused"}
    assert refused == {"clawhub", "codex", "copilot", "copilot-zip", "opencode", "skills"}
    assert {reason.rule for client in refused for reason in told[client].reasons} == {"unknown-type"}


def test_the_worst_reason_is_the_verdict() -> None:
    asset = Asset({**many(1_001), **RUN}, ("scripts/run.sh",), description="ä" * 1025)
    told = judged(asset)
    rules = [reason.rule for reason in told["skills"].reasons]
    assert (told["skills"].word, rules) == ("refused", ["bits-lost", "index-description", "skills-files"])
    assert (told["claude"].word, told["clawhub"].word) == ("truncated", "field-ignored")


@pytest.mark.parametrize(
    ("first", "path", "call"),
    [
        (b"#!/bin/sh\n", "scripts/x.sh", "sh scripts/x.sh"),
        (b"#!/usr/bin/env python3\n", "x.py", "python3 x.py"),
        (b"#!/usr/bin/env -S node --no-warnings\r\n", "x.mjs", "node x.mjs"),
        (b"#! /usr/local/bin/ruby -w", "a b.rb", "ruby 'a b.rb'"),
        (b"echo no shebang\n", "x", "sh x"),
        (b"#!" + b"/" * 5_000 + b"\n", "x", "sh x"),
        (b"#!/bin/\x1b[31m\n", "x", "sh x"),
    ],
)
def test_what_to_say_instead_names_the_interpreter(first: bytes, path: str, call: str) -> None:
    (reason,) = judged(Asset({path: first}, (path,)))["skills"].reasons
    assert reason.message == f"executable bit of {path} is lost: say `{call}`"


def test_a_call_by_path_is_quoted_before_other_files() -> None:
    files = {"a.sh": b"#!/bin/sh\n", "z.py": b"#!/usr/bin/python3\n"}
    (reason,) = judged(Asset(files, ("a.sh", "z.py"), body="Run `./z.py`.\n"))["skills"].reasons
    expected = (
        "executable bit of z.py and 1 more is lost, and the text calls it as ./z.py: say `python3 z.py`"
    )
    assert reason.message == expected


def test_hostile_paths_and_manifests_are_judged_without_a_traceback() -> None:
    skill, _ = read(Asset({}))
    paths = ["\udcff" * 60, "a\x1b[2J\n", "", "/", "x" * 5_000, "package.json/x", "🙂" * 80, "\udc80#"]
    files = [File(path, b"", True) for path in paths]
    for body in (b"", b"[" * 100_000, b'{"version": NaN}', b"\xff", b"[]", b"null"):
        told = verdicts(skill, [*files, File(PLUGIN, body)], CLIENTS)
        assert [item.client for item in told] == [client.id for client in CLIENTS]
        for verdict in told:
            assert all(reason.message.isprintable() for reason in verdict.reasons), verdict


@pytest.mark.parametrize("name", sorted(CASES))
def test_size_is_that_of_the_artifact(name: str) -> None:
    for asset in CASES[name]:
        skill, folder = read(asset)
        if sum(len(file.data) for file in folder.files) < 20 * MEBIBYTE:
            assert facts_of(skill, folder.files).size == len(pack(folder.files))


# What our own formats do.

SITE = Site(
    name="reg",
    title="Reg",
    description="All.",
    base_url="https://skills.test",
    owner={"name": "Reg"},
    source_url=None,
    builder="skillpress",
)
SAID = b'[asset]\ndescription = "Does it."\n'
OWN = [
    *((name, asset) for name, pair in sorted(CASES.items()) for asset in pair),
    ("package-folder", Asset({"package.json/a.txt": b""})),
    ("package-sign", Asset({"PacKage.json/a.txt": b""})),
    ("hook", Asset({"metadata.toml": SAID + b'[hook]\nevent = "stop"\ncommand = "true"\n'}, type="hook")),
    ("mcp", Asset({"metadata.toml": SAID + b'[mcp]\ncommand = "x"\nargs = ["y"]\n'}, type="mcp")),
]


def settings() -> Settings:
    flags = Flags(name="reg", base_url="https://skills.test", emit=("core", "extras"))
    return replace(settle(RegistryFile(), flags, folder_name="reg", origin=None), policy=LARGE)


def pressed(asset: Asset) -> Page:
    checked = check(asset.folder(), settings())
    made = press(checked, None, Moment(commit="c", time="2026-11-20T10:00:00Z"), settings(), SITE)
    return Page(made.document, checked.skill, checked.folder.files)


def listed(body: bytes, document: Document) -> bool:
    return document.name.encode() in {item["name"].encode() for item in json.loads(body)["plugins"]}


@pytest.mark.parametrize(("name", "asset"), OWN, ids=[f"{name}-{at}" for at, (name, _) in enumerate(OWN)])
def test_what_is_refused_is_what_our_formats_leave_out(name: str, asset: Asset) -> None:
    if name == "archive-size":
        pytest.skip("Claude Code refuses it by itself, and 256 MiB take their time")
    page = pressed(asset)
    document = page.document
    offers: dict[str, bool] = {}
    summary = summarise(document, page.files)
    ((_, body),) = claude.emit_registry([summary], SITE).entries
    offers["claude"] = listed(body, document)
    offers["npm"] = offers["claude-npm"] = npm.derive(Source(page.skill, 1, page.files), SITE) is not None
    indexes = [json.loads(body)["skills"] for _, body in well_known.emit_skill(page, SITE)]
    offers["skills"] = any(indexes)
    ((_, body),) = discovery_v01.emit_registry([summary], SITE).entries
    offers["opencode"] = bool(json.loads(body)["skills"])
    offers["codex"] = document.type in {"plugin", "skill"} and not git_emitter.problem_of(summary, page.files)
    offers["sx"] = sx.derive(Source(page.skill, 1, page.files), SITE) is not None
    collection = Collection(name="docs", title="Docs", description="", members=("aa",))
    zipped = copilot.emit_collection(collection, [summary], lambda _: page.files, SITE)
    offers["copilot-zip"] = document.type in {"plugin", "skill"} and not zipped.findings
    hidden = {"skills"} if name == "internal" else set()
    told = {client: word != "refused" for client, word in document.clients.items() if client in offers}
    assert {client: offer for client, offer in told.items() if client not in hidden} == {
        client: offer for client, offer in offers.items() if client not in hidden
    }


@pytest.mark.parametrize("description", ["ä" * 1024, "ä" * 1025, "😀" * 512, "😀" * 513, "😀" * 1025])
def test_what_is_truncated_is_what_our_formats_cut(description: str) -> None:
    page = pressed(Asset({}, description=description))
    summary = summarise(page.document, page.files)
    ((_, catalogue),) = claude.emit_registry([summary], SITE).entries
    ((_, index),) = well_known.emit_skill(page, SITE)
    shown = {
        "claude": json.loads(catalogue)["plugins"][0]["description"],
        "skills": json.loads(index)["skills"][0]["description"],
    }
    cut = {client: text != description for client, text in shown.items()}
    assert cut == {client: page.document.clients[client] == "truncated" for client in cut}


def test_clients_without_their_emitter_get_no_verdict() -> None:
    assert [client.id for client in offered(())] == ["curl"]
    assert [client.id for client in offered(("npm", "html"))] == ["claude-npm", "curl", "npm"]
    assert offered(EMITTERS) == CLIENTS


def test_tables_hold_together() -> None:
    ids = [client.id for client in CLIENTS]
    assert ids == sorted(set(ids))
    assert [rule.id for rule in RULES] == sorted({rule.id for rule in RULES})
    assert {client for rule in RULES for client in rule.clients} <= set(ids)
    assert {client.emitter for client in CLIENTS} - {""} <= set(EMITTERS)
    assert {rule.word for rule in RULES} == set(WORDS) - {"works"}
    assert named({"npm", "curl", "of the past"}) == offered(()) + named(("npm",))
    text = [line for rule in RULES for line in (rule.title, rule.mend, rule.measured)]
    assert [line for line in text if not line or (line.endswith(".") and not line.endswith(".py"))] == []


def test_page_is_the_one_that_the_tables_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == compatibility_page()
