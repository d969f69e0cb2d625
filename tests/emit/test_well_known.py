"""Discovery v0.2, whole: the root's index, one per skill and per collection, and the client's limits."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest
from emit.samples import SITE, collection, document, page, row, sha, summary

from registry_builder.core.ledger import DEPRECATED, QUARANTINED, REMOVED, YANKED, Document
from registry_builder.emit import well_known
from registry_builder.emit.base import Collection, Site, Summary, summarise

SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"
KEY = ".well-known/agent-skills/index.json"
MEBIBYTE = 1024 * 1024


def index(*entries: dict[str, str]) -> dict[str, Any]:
    return {"$schema": SCHEMA, "skills": list(entries)}


def entry(name: str, number: int = 1, **more: str) -> dict[str, str]:
    sha256 = sha(f"{name} {number}")
    return {
        "name": name,
        "type": "archive",
        "description": f"Does {name}.",
        "url": f"https://skills.acme.example/api/v1/downloads/public/{name}/{sha256}.zip",
        "digest": f"sha256:{sha256}",
        **more,
    }


def with_collections(*collections: Collection, retired: tuple[str, ...] = ()) -> Site:
    return dataclasses.replace(SITE, collections=collections, retired=retired)


def files(summaries: list[Summary], site: Site = SITE) -> dict[str, Any]:
    return {key: json.loads(body) for key, body in well_known.emit_registry(summaries, site).entries}


def names(found: dict[str, Any], key: str = KEY) -> list[str]:
    return [item["name"] for item in found[key]["skills"]]


def scope(given: Document) -> dict[str, Any]:
    return {key: json.loads(body) for key, body in well_known.emit_skill(page(given), SITE)}


def test_all_files_of_a_small_registry() -> None:
    site = with_collections(collection("docs", "aa", "zz"), collection("none"), retired=("old", "docs"))
    items = [summary("aa"), summary("bb"), summary("cc", type="agent"), summary("dd", state=REMOVED)]
    assert files([*items, summary("docs", type="bundle")], site) == {
        KEY: index(entry("aa"), entry("bb")),
        f"s/docs/{KEY}": index(entry("aa")),
        f"s/none/{KEY}": index(),
        f"s/old/{KEY}": index(),
    }


@pytest.mark.parametrize(
    ("rows", "changes", "number"),
    [
        ([row(1), row(2)], {}, 2),
        ([row(1), row(2, state=DEPRECATED)], {"state": DEPRECATED}, 2),
        ([row(1), row(2, state=YANKED)], {}, 1),
        ([row(1, state=QUARANTINED), row(2, state=YANKED)], {}, None),
        ([row(1)], {"state": YANKED}, None),
        ([row(1)], {"state": QUARANTINED}, None),
        ([row(1)], {"state": REMOVED}, None),
        ([row(1, files=1_001)], {}, None),
    ],
)
def test_the_scope_of_a_skill_has_its_newest_served_version(
    rows: list[Any], changes: dict[str, Any], number: int | None
) -> None:
    given = document("aa", *rows, **changes)
    whole = index(entry("aa", number)) if number else index()
    assert scope(given) == {f"s/aa/{KEY}": whole}
    assert files([summarise(given)]) == {KEY: whole}


@pytest.mark.parametrize("kind", ["agent", "command", "rule", "hook", "mcp", "plugin", "bundle"])
def test_only_a_skill_has_a_scope(kind: str) -> None:
    assert scope(document("aa", type=kind)) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": 1_000}, None),
        ({"files": 1_001}, "1,001 files, and `skills` takes 1,000"),
        ({"bytes": 50 * MEBIBYTE}, None),
        ({"bytes": 50 * MEBIBYTE + 1}, "52,428,801 bytes unpacked, and `skills` takes 52,428,800"),
        ({"size": 11 * MEBIBYTE}, None),
    ],
)
def test_what_the_client_would_refuse_is_left_out_and_named_once(
    changes: dict[str, int], message: str | None
) -> None:
    items = [summary("aa"), summary("bb", versions=(row(1, "bb", **changes),))]
    emission = well_known.emit_registry(
        items, with_collections(collection("c", "aa", "bb"), collection("d", "bb"))
    )
    found = {key: names({key: json.loads(body)}, key) for key, body in emission.entries}
    big = [] if message else ["bb"]
    assert found == {KEY: ["aa", *big], f"s/c/{KEY}": ["aa", *big], f"s/d/{KEY}": big}
    assert [(item.rule, item.level, item.name, item.path) for item in emission.findings] == (
        [("client-limit", "warning", "bb", "skills/bb")] if message else []
    )
    assert all(message in item.message for item in emission.findings if message)


@pytest.mark.parametrize(
    ("description", "title", "shown"),
    [
        ('"a" \\ \u202e💥\u0000.', "T", '"a" \\ \u202e💥\u0000.'),
        ("", "T", "T"),
        (" \n", " ", "aa"),
        ("x" * 1_024, "T", "x" * 1_024),
        ("x" * 1_025, "T", "x" * 1_023 + "…"),
        ("💥" * 512, "T", "💥" * 512),
        ("💥" * 513, "T", "💥" * 511 + "…"),
        ("x" + "💥" * 512, "T", "x" + "💥" * 510 + "…"),
        ("ab " + "x" * 2_000, "T", "ab…"),
    ],
)
def test_a_description_has_1_to_1024_of_javascripts_characters(
    description: str, title: str, shown: str
) -> None:
    found = files([summary("aa", description=description, title=title)])[KEY]["skills"][0]["description"]
    assert found == shown
    assert 1 <= len(found.encode("utf-16-le")) // 2 <= 1_024


def many(count: int) -> list[Summary]:
    """Skills that are the newer, the smaller their number; ten share a time."""
    times = [f"2026-11-20T{23 - i // 600:02}:{59 - i // 10 % 60:02}:00Z" for i in range(count)]
    return [summarise(document(f"s{i:05}", row(1, i, time=times[i]))) for i in range(count)]


@pytest.mark.parametrize(
    ("count", "default", "listed", "cut"),
    [
        (200, (), range(200), []),
        (200, (3, 4), range(200), []),
        (201, (3, 4), (3, 4), []),
        (201, (), range(200), [KEY]),
        (10_000, (), range(200), [KEY]),
        (10_000, tuple(range(9_000, 9_300)), range(9_000, 9_200), [KEY, f"s/default/{KEY}"]),
    ],
)
def test_the_root_lists_all_or_the_collection_default_or_the_newest(
    count: int, default: tuple[int, ...], listed: Any, cut: list[str]
) -> None:
    members = tuple(f"s{i:05}" for i in default)
    site = with_collections(collection("default", *members)) if members else SITE
    items = many(count)
    start = time.process_time()
    emission = well_known.emit_registry(items[::-1], site)
    assert time.process_time() - start < 2
    found = {key: json.loads(body) for key, body in emission.entries}
    assert names(found) == [f"s{i:05}" for i in listed]
    assert [(item.rule, item.level, item.path) for item in emission.findings] == [
        ("discovery-cut", "warning", key) for key in cut
    ]


def test_a_default_that_lists_nothing_counts_as_none() -> None:
    emission = well_known.emit_registry(many(201), with_collections(collection("default", "zz")))
    assert len(json.loads(dict(emission.entries)[KEY])["skills"]) == 200
    assert [item.path for item in emission.findings] == [KEY]


def test_a_large_collection_lists_its_newest() -> None:
    members = [f"s{i:05}" for i in range(250)]
    emission = well_known.emit_registry(many(260), with_collections(collection("c", *members)))
    assert names({KEY: json.loads(dict(emission.entries)[f"s/c/{KEY}"])}) == members[:200]
    assert [item.path for item in emission.findings] == [KEY, f"s/c/{KEY}"]
    assert "newest 200 of 250" in emission.findings[1].message
