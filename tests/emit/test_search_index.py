"""The search index: which words are kept, how they weigh, and what a change of one name leaves alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from samples import SITE, document, page

from registry_builder.emit import search_index
from registry_builder.emit.base import Summary, summarise


def noted(name: str, body: str = "", **changes: object) -> Summary:
    subject = document(name, **changes)
    return summarise(subject, (), {"search_index": search_index.note_skill(page(subject, body=body), SITE)})


def emitted(*summaries: Summary) -> dict[str, object]:
    return {key: json.loads(body) for key, body in search_index.emit_registry(summaries, SITE).entries}


def words_of(found: Mapping[str, object]) -> dict[str, str]:
    """Word → its names, of all shards."""
    shards = [shard for key, shard in found.items() if key.startswith("search/terms-")]
    merged: dict[str, str] = {}
    for shard in shards:
        assert isinstance(shard, dict)
        assert not merged.keys() & shard.keys()
        merged |= shard
    return merged


def test_a_small_index_is_three_files() -> None:
    body = "## Rotate\n\nTurn pages."
    found = emitted(noted("pdf-tools", body, description="For pages.", title="pdf-tools"))
    own = search_index.identify("pdf-tools")
    assert found == {
        "search/index.json": {
            "chunks": 1,
            "documents": 1,
            "ignored": sorted(search_index._IGNORED),
            "shards": [""],
        },
        "search/names-0.json": {own: [["pdf-tools", "skill", "active", "", "For pages."]]},
        "search/terms-.json": {
            "pages": f"5{own}",
            "pdf": f"7{own}",
            "pdf-tools": f"9{own}",
            "rotate": f"5{own}",
            "tools": f"7{own}",
            "turn": f"2{own}",
        },
    }


def test_empty_registry_has_an_index() -> None:
    found = emitted()
    assert found["search/terms-.json"] == {}
    assert found["search/names-0.json"] == {}


@pytest.mark.parametrize("state", ["yanked", "quarantined", "removed"])
def test_what_is_not_served_is_not_found(state: str) -> None:
    assert words_of(emitted(noted("aa", state=state))) == {}


def test_collections_are_not_found() -> None:
    assert words_of(emitted(noted("aa", type="bundle"))) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CSV-profile_2 of It's", ["csv", "profile", "2", "s"]),
        ("Prüft Übergänge, naïve cafe\u0301", ["pruft", "ubergange", "naive", "cafe"]),
        ("Straße İstanbul ﬁne ℃", ["straße", "istanbul", "fine", "c"]),
        ("日本語を Go", ["日本", "本語", "語を", "go"]),
        ("語", ["語"]),
        ("x" * 40, ["x" * 32]),
        ("\ud800 \u200b <b>", ["b"]),
        ("the of and", []),
    ],
)
def test_words_of_a_text(text: str, words: Sequence[str]) -> None:
    assert search_index.words(text) == words


def test_a_name_weighs_more_than_its_text_and_a_long_text_says_less() -> None:
    long = "word " * 5_000
    notes = noted("quote", f"other {long}").notes["search_index"].split()
    assert "quote9" in notes
    assert "other1" in notes
    assert "other2" in noted("quote", "other word").notes["search_index"].split()


def test_rare_words_outlive_common_ones() -> None:
    common = " ".join(sorted(search_index._COMMON))
    rare = " ".join(f"rareword{number}" for number in range(search_index.WORDS - 20))
    notes = noted("aa", f"{common} {rare}").notes["search_index"]
    assert all(f"{word}2" in notes or f"{word}1" in notes for word in rare.split())
    assert len(notes.split()) <= search_index.WORDS + 1


def test_a_new_name_changes_only_what_has_its_words() -> None:
    before = [noted(f"skill-{number}", f"term{number:04}x alpha") for number in range(3_000)]
    one, two = (
        emitted(*before),
        emitted(*before, noted("zebra", "stripes", description="Zebra.", title="zebra")),
    )
    changed = sorted(key for key in {*one, *two} if one.get(key) != two.get(key))
    assert len(one) > 100
    assert {key.split("-")[0] for key in changed} == {"search/index.json", "search/terms", "search/names"}
    assert len(changed) <= 4


def test_the_order_of_names_does_not_matter() -> None:
    given = [noted(f"skill-{number}", f"term{number}") for number in range(50)]
    assert search_index.emit_registry(given, SITE) == search_index.emit_registry(given[::-1], SITE)


def test_no_file_is_too_large_and_every_word_is_where_it_is_looked_for() -> None:
    given = [noted(f"skill-{number}", f"everywhere {'日本' * 3} term{number:05}x") for number in range(5_000)]
    entries = dict(search_index.emit_registry(given, SITE).entries)
    assert max(len(body) for body in entries.values()) < 32_768
    prefixes = json.loads(entries["search/index.json"])["shards"]
    for prefix in prefixes:
        for word in json.loads(entries[f"search/terms-{prefix}.json"]):
            fitting = [one for one in prefixes if search_index.place(word).startswith(one)]
            assert max(fitting, key=len) == prefix
    common = words_of({key: json.loads(body) for key, body in entries.items()})["everywhere"]
    assert common.endswith(" +5000")
    assert sum(len(group) // 6 for group in common.split()[:-1]) == search_index.LISTED
