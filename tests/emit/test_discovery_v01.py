"""Discovery v0.1: every file of every skill, and an index of what its client can fetch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from emit.samples import SITE, collection, document, page, row, skill, source

from registry_builder.core.folder import File, sorted_files
from registry_builder.core.key import KeyClass, classify, content_type
from registry_builder.core.ledger import Document
from registry_builder.emit import discovery_v01
from registry_builder.emit.base import Emission, Page, Site, Summary, summarise

KEY = ".well-known/skills/index.json"
FILES = source({"scripts/x.py": b"x\n", "assets/a b.bin": b"\x00\xff"}).files


def skilled(name: str = "aa", paths: tuple[str, ...] = ("SKILL.md",), **changes: Any) -> Summary:
    """The summary of a skill that has files at `paths`."""
    files = sorted_files(File(path, b"") for path in paths)
    versions = changes.pop("versions", None) or (row(1, name, files=len(files), **changes.pop("row", {})),)
    return summarise(document(name, *versions, **changes), files)


def listed(emission: Emission) -> list[dict[str, Any]]:
    ((key, body),) = emission.entries
    assert key == KEY
    skills: list[dict[str, Any]] = json.loads(body)["skills"]
    return skills


def names(items: list[Summary], site: Site = SITE) -> list[str]:
    return [item["name"] for item in listed(discovery_v01.emit_registry(items, site))]


def test_each_file_is_served_as_it_is_and_the_index_names_exactly_those() -> None:
    subject = document("aa", row(1), row(2))
    made = dict(discovery_v01.emit_skill(Page(subject, skill("aa"), FILES), SITE))
    assert made == {f".well-known/skills/aa/{file.path}": file.data for file in FILES}
    emission = discovery_v01.emit_registry([summarise(subject, FILES)], SITE)
    assert listed(emission) == [
        {
            "name": "aa",
            "description": "Does aa.",
            "files": ["SKILL.md", "assets/a b.bin", "scripts/x.py"],
            "version": "2",
        }
    ]
    assert emission.findings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "removed"},
        {"versions": (row(1, state="yanked"),)},
        {"versions": (row(1, state="quarantined"),)},
    ],
)
def test_what_is_not_served_has_neither_files_nor_an_entry(changes: dict[str, Any]) -> None:
    subject: Document = document("aa", **changes)
    assert list(discovery_v01.emit_skill(page(subject), SITE)) == []
    assert names([summarise(subject)]) == []


@pytest.mark.parametrize("kind", ["agent", "command", "rule", "hook", "mcp", "plugin", "bundle"])
def test_only_a_skill_has_files(kind: str) -> None:
    subject = document("aa", type=kind)
    assert list(discovery_v01.emit_skill(Page(subject, skill("aa", type=kind), FILES), SITE)) == []
    assert names([summarise(subject, FILES)]) == []


@pytest.mark.parametrize(
    "path",
    ["a#b", "a?b", "100%", "%2e%2e/x", "a%20b", "x/y#", "http:x", "a\\b", " a", "a\tb", "a\nb", "a\x7f"],
)
def test_a_path_that_says_something_else_as_a_url_leaves_the_skill_out(path: str) -> None:
    emission = discovery_v01.emit_registry([skilled("aa", ("SKILL.md", path)), skilled("bb")], SITE)
    assert [item["name"] for item in listed(emission)] == ["bb"]
    (finding,) = emission.findings
    assert (finding.rule, finding.name, finding.path) == ("discovery-left-out", "aa", "skills/aa")
    assert "in a URL" in finding.message
    assert finding.message.isprintable()


@pytest.mark.parametrize(
    "path",
    [
        "a b",
        "a/ b",
        "ä/日本語 🙂.md",
        "a+b&c=d;e,f!g~h'i(j)[k]{l}|m^n`o$p@q\"r<s>t*",
        ".hidden/x",
        "...",
        "--help",
        "index.json",
    ],
)
def test_a_path_that_a_client_escapes_itself_is_listed(path: str) -> None:
    emission = discovery_v01.emit_registry([skilled("aa", ("SKILL.md", path))], SITE)
    assert [sorted(item["files"]) for item in listed(emission)] == [sorted(["SKILL.md", path])]
    assert emission.findings == ()


@pytest.mark.parametrize(("count", "message"), [(1_000, None), (1_001, "1,001 files")])
def test_a_skill_of_too_many_files_is_left_out(count: int, message: str | None) -> None:
    paths = ("SKILL.md", *(f"f{at}" for at in range(count - 1)))
    emission = discovery_v01.emit_registry([skilled("aa", paths)], SITE)
    assert len(listed(emission)) == (0 if message else 1)
    assert [message in item.message for item in emission.findings if message] == ([True] if message else [])


@pytest.mark.parametrize("path", ["skill.md", "Skill.md", "SKILL.MD", "sub/SKILL.md"])
def test_a_skill_without_the_exact_name_is_left_out(path: str) -> None:
    emission = discovery_v01.emit_registry([skilled("aa", (path,))], SITE)
    assert listed(emission) == []
    assert ["no SKILL.md" in item.message for item in emission.findings] == [True]


def many(count: int) -> list[Summary]:
    return [
        skilled(f"s{at:03}", row={"time": f"2026-11-{at * 7 % 28 + 1:02}T10:00:00Z"}) for at in range(count)
    ]


def test_two_hundred_are_all_listed() -> None:
    emission = discovery_v01.emit_registry(many(200), SITE)
    assert len(listed(emission)) == 200
    assert emission.findings == ()


def test_more_are_the_newest_with_a_finding() -> None:
    items = many(201)
    emission = discovery_v01.emit_registry(items, SITE)
    newest = sorted(items, key=lambda item: item.time, reverse=True)[:200]
    assert [item["name"] for item in listed(emission)] == sorted(item.name for item in newest)
    assert [(item.rule, item.path) for item in emission.findings] == [("discovery-cut", KEY)]


def test_more_are_the_collection_default_if_there_is_one() -> None:
    site = replace(SITE, collections=(collection("default", "s003", "s001", "gone"),))
    assert names(many(201), site) == ["s001", "s003"]
    assert len(names(many(200), site)) == 200


def test_a_description_is_cut_and_never_empty() -> None:
    long, empty = skilled("aa", description="word " * 1_000), skilled("bb", description=" ", title="T")
    first, second = listed(discovery_v01.emit_registry([long, empty], SITE))
    assert len(first["description"]) <= 1_024
    assert first["description"].endswith("…")
    assert second["description"] == "T"


@pytest.mark.parametrize(
    ("key", "key_class", "kind"),
    [
        (KEY, KeyClass.INDEX, "application/json"),
        (".well-known/skills/aa/SKILL.md", KeyClass.PAYLOAD, "text/plain; charset=utf-8"),
        (".well-known/skills/aa/index.html", KeyClass.PAYLOAD, "application/octet-stream"),
    ],
)
def test_the_keys_have_their_class_and_type(key: str, key_class: KeyClass, kind: str) -> None:
    assert (classify(key), content_type(key)) == (key_class, kind)
