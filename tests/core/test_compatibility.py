"""Verdicts: for each rule what it minds and what it does not, and the page that the tables give."""

from __future__ import annotations

from pathlib import Path

import pytest
from compatibility_cases import CASES, PLUGIN, RUN, Asset, many, read

from registry_builder.core.artifact import pack
from registry_builder.core.compatibility import (
    CLIENTS,
    RULES,
    WORDS,
    Rule,
    Verdict,
    compatibility_page,
    named,
    offered,
    verdicts,
)
from registry_builder.core.compatibility.facts import facts_of
from registry_builder.core.folder import File
from registry_builder.emit.table import EMITTERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"


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


def test_every_rule_has_a_case() -> None:
    assert sorted(CASES) == sorted([*(rule.id for rule in RULES), "unknown-type"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_speaks_for_its_clients_exactly_when_its_cause_is_there(rule: Rule) -> None:
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
        if sum(len(file.data) for file in folder.files) < 20_000_000:
            assert facts_of(skill, folder.files).size == len(pack(folder.files))


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
