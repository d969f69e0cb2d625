"""`skills find`: one bounded list of names."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from emit.samples import SITE, document, row, summary

from registry_builder.core.key import KeyClass, classify, content_type
from registry_builder.emit import search
from registry_builder.emit.base import Summary, summarise


def names(items: list[Summary]) -> list[str]:
    ((_, body),) = search.emit_registry(items, SITE).entries
    return [item["name"] for item in json.loads(body)["skills"]]


def test_every_skill_is_listed_with_where_it_can_be_added_from() -> None:
    emission = search.emit_registry(
        [summary("bb"), summary("aa")], replace(SITE, base_url="https://h.example/r")
    )
    listed = [
        {"id": name, "name": name, "source": f"https://h.example/r/s/{name}", "installs": 0}
        for name in ("aa", "bb")
    ]
    assert [(key, json.loads(body)) for key, body in emission.entries] == [("api/search", {"skills": listed})]
    assert emission.findings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "agent"},
        {"type": "bundle"},
        {"state": "removed"},
        {"versions": (row(1, state="yanked"),)},
        {"versions": (row(1, state="quarantined"),)},
    ],
)
def test_what_cannot_be_added_is_not_listed(changes: dict[str, object]) -> None:
    assert names([summary("aa", **changes), summary("bb")]) == ["bb"]


def test_nothing_is_an_empty_list() -> None:
    assert names([]) == []


def test_a_deprecated_skill_is_listed() -> None:
    assert names([summary("aa", state="deprecated")]) == ["aa"]


def test_the_newest_that_fit_are_listed_by_name() -> None:
    days = [f"2026-{month:02}-{day:02}T00:00:00Z" for month in range(1, 13) for day in range(1, 29)]
    items = [
        summarise(document(f"s{at:05}", row(1, at, time=days[at * 7 % len(days)]), description="d"))
        for at in range(11_999)
    ]
    emission = search.emit_registry(items, SITE)
    ((_, body),) = emission.entries
    kept = [item["name"] for item in json.loads(body)["skills"]]
    assert search.BYTES - 200 < len(body) <= search.BYTES
    newest = sorted(items, key=lambda item: item.time, reverse=True)[: len(kept)]
    assert kept == sorted(item.name for item in newest)
    (finding,) = emission.findings
    assert (finding.rule, finding.level, finding.path) == ("search-cut", "warning", "api/search")
    assert f"newest {len(kept):,} of 11,999" in finding.message


def test_the_order_of_what_comes_in_does_not_matter() -> None:
    items = [summary(name) for name in ("cc", "aa", "bb")]
    assert search.emit_registry(items, SITE) == search.emit_registry(items[::-1], SITE)


def test_the_key_is_json_and_an_index() -> None:
    assert (classify("api/search"), content_type("api/search")) == (KeyClass.INDEX, "application/json")
