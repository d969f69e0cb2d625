"""Search and suggestions: what is found, in which order, and that no query does harm."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from catalogue import slow_search
from catalogue.made import Given, make
from catalogue.world import World
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dynamic_api.catalogue import Catalogue
from dynamic_api.catalogue.few import among, text_of
from dynamic_api.catalogue.file import LINK
from dynamic_api.catalogue.near import by_length, near_words
from dynamic_api.catalogue.search import asked
from dynamic_api.catalogue.words import words_of

SKILLS = (
    Given("pdf-tools", "PDF tools", ("document",), "Splits and merges files.", "Call pdftk with care."),
    Given("invoice", "Invoices", ("pdf", "money"), "Writes invoices.", "Ask for the customer."),
    Given(
        "docx-report",
        "Reports",
        ("document",),
        "Turns tables into a report, or into a pdf.",
        "Use python-docx.",
    ),
    Given("python-lint", "Linter", (), "Checks Python code.", "Run ruff."),
    Given("cafe", "Café au lait", (), "Cooks über-coffee.", "Boil water."),
    Given("kanji", "\u6f22\u5b57\u8f9e\u5178", (), "\u6f22\u5b57\u3092\u5f15\u304f", ""),
)


def catalogue_of(folder: Path, skills: Sequence[Given] = SKILLS) -> Catalogue:
    make(folder, skills)
    return Catalogue(folder)


def found(folder: Path, query: str, skills: Sequence[Given] = SKILLS, **options: Any) -> list[str]:
    with closing(catalogue_of(folder, skills)) as catalogue:
        return [skill.slug for skill in catalogue.search(query, **options)]


def test_file_that_is_made_anew_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    """Numbers of skills are those of a file: what searches remember by them goes with it."""
    with closing(catalogue_of(tmp_path)) as catalogue:
        for skills in (SKILLS, SKILLS[::-1], SKILLS[1:], SKILLS):
            make(tmp_path, skills)
            there = [one.slug for one in skills]
            for query in ("pdf", "document", "python"):
                found = [skill.slug for skill in catalogue.search(query)]
                assert found == [slug for slug in _EVERYWHERE[query] if slug in there], (
                    f"{query} among {there}"
                )


_EVERYWHERE = {
    "pdf": ["pdf-tools", "invoice", "docx-report"],
    "document": ["pdf-tools", "docx-report"],
    "python": ["python-lint"],
}


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("pdf", ["pdf-tools", "invoice", "docx-report"]),
        ("PDF", ["pdf-tools", "invoice", "docx-report"]),
        ("pdf tools", ["pdf-tools"]),
        ("tools pdf", ["pdf-tools"]),
        ("pdf-tools", ["pdf-tools"]),
        ("document", ["pdf-tools", "docx-report"]),
        ("document pdf", ["pdf-tools", "docx-report"]),
        ("inv", ["invoice"]),
        ("py lint", ["python-lint"]),
        ("spl mer fil", ["pdf-tools"]),
        ("pythno", ["python-lint"]),
        ("pythn", ["python-lint"]),
        ("pythonn", ["python-lint"]),
        ("linder", ["python-lint"]),
        ("documennt pdf", ["pdf-tools", "docx-report"]),
        ("pfd", ["pdf-tools", "invoice", "docx-report"]),
        ("dpf", ["pdf-tools", "invoice", "docx-report"]),
        ("pdx", ["pdf-tools", "invoice", "docx-report"]),
        ("xdf", []),
        ("tools pfd", ["pdf-tools"]),
        ("fp", []),
        ("python invoice", ["invoice", "python-lint"]),
        ("pdf zebra", ["pdf-tools", "invoice", "docx-report"]),
        ("cafe", ["cafe"]),
        ("café", ["cafe"]),
        ("CAFE\u0301", ["cafe"]),
        ("uber", ["cafe"]),
        ("\u6f22\u5b57", ["kanji"]),
        ("\u5b57", ["kanji"]),
        ("\u5178", []),
        ("\u8f9e", ["kanji"]),
        ("zebra", []),
        ("pdftk", []),
        ("", []),
        ("   ", []),
        ("-", []),
    ],
)
def test_what_a_query_finds(tmp_path: Path, query: str, slugs: list[str]) -> None:
    assert found(tmp_path, query) == slugs


@pytest.mark.parametrize(
    ("query", "slugs"),
    [("pdftk", ["pdf-tools"]), ("pdft", ["pdf-tools"]), ("run", ["python-lint"]), ("zebra", []),
     ("pythhn", ["docx-report"]), ("ask boil", ["cafe", "invoice"])],
)  # fmt: skip
def test_what_a_query_finds_in_texts(tmp_path: Path, query: str, slugs: list[str]) -> None:
    assert found(tmp_path, query, body=True) == slugs


def test_a_word_of_most_skills_is_ignored_beside_others(tmp_path: Path) -> None:
    skills = [Given(f"s{number:02}", "", (), "use it when") for number in range(20)]
    skills += [Given("aa", "", (), "a bell"), Given("bb", "Use", (), "a drum")]
    assert found(tmp_path, "use bell", skills) == ["aa"]
    assert found(tmp_path, "use", skills, limit=4) == ["bb", "s00", "s01", "s02"]
    assert found(tmp_path, "use when", skills, limit=2) == ["s00", "s01"]


def test_equals_come_by_slug_also_where_the_answer_is_cut(tmp_path: Path) -> None:
    slugs = [f"s{number:03}" for number in range(200)]
    skills = [
        Given(slug, "", (), "about a bell" if number % 3 else "a drum") for number, slug in enumerate(slugs)
    ]
    random.Random(1).shuffle(skills)
    bells = [slug for number, slug in enumerate(slugs) if number % 3]
    drums = [slug for number, slug in enumerate(slugs) if not number % 3]
    assert found(tmp_path, "drum", skills, limit=7) == drums[:7]
    assert found(tmp_path, "drum", skills, limit=7, offset=60) == drums[60:]
    assert found(tmp_path, "bell", skills, limit=7) == bells[:7]


WORD = st.sampled_from(("a", "ab", "abc", "abe", "ac", "b", "ba", "bad", "bag", "c", "cab", "x", "xyz", "q1"))
TEXT = st.lists(WORD, max_size=6).map(" ".join)


@st.composite
def corpora(draw: st.DrawFn) -> list[Given]:
    names = draw(
        st.lists(st.lists(WORD, min_size=1, max_size=2).map("-".join), min_size=1, max_size=14, unique=True)
    )
    return [Given(name, draw(TEXT), tuple(draw(st.lists(WORD, max_size=2))), draw(TEXT)) for name in names]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("pfd", ("pdf",)),
        ("pdg", ("pdf",)),
        ("jon", ("join", "json")),
        ("cta", ("cat",)),
        ("bat", ()),
        ("xyz", ()),
        ("pd", ()),
        ("cats", ("cat",)),
    ],
)
def test_slips_in_short_words(word: str, words: tuple[str, ...]) -> None:
    """Of three letters two may be exchanged; or else the first is right and one other slip is allowed."""
    there = by_length(["pdf", "pdfs", "pod", "join", "json", "cat", "act", "mat", "sat", "hat"])
    assert near_words(there, word) == words


@settings(max_examples=120)
@given(corpora(), st.lists(WORD, min_size=1, max_size=3).map(" ".join))
def test_few_skills_are_found_as_many_are(skills: list[Given], query: str) -> None:
    """Private skills in memory, by the groups and the order of the local file."""
    ordered = sorted(skills, key=lambda given: given.slug)
    texts = [text_of(given.slug, given.title, given.tags, given.description) for given in ordered]
    with tempfile.TemporaryDirectory() as place, closing(catalogue_of(Path(place), skills)) as catalogue:
        matches = catalogue.matches(query, limit=50)
        having = [sum(f" {word} " in text.line for text in texts) for word in asked(query)]
        assume(all(count * 2 <= len(texts) for count in having))
        fit, places = among(texts, asked(query))
        assert [ordered[at].slug for at in places] == [skill.slug for skill in matches.skills]
        assert fit == matches.fit or not places


@pytest.mark.parametrize(
    ("query", "slugs"),
    [("pythno", ["python-lint"]), ("documennt pdf", ["pdf-tools", "docx-report"]),
     ("python invoice", ["invoice", "python-lint"]), ("py lint", ["python-lint"]),
     ("pfd", ["pdf-tools", "invoice", "docx-report"]),
     ("\u5b57", ["kanji"]), ("zebra", []), ("", [])],
)  # fmt: skip
def test_few_skills_have_prefixes_and_slips(query: str, slugs: list[str]) -> None:
    ordered = sorted(SKILLS, key=lambda given: given.slug)
    texts = [text_of(given.slug, given.title, given.tags, given.description) for given in ordered]
    assert [ordered[at].slug for at in among(texts, asked(query))[1]] == slugs


def test_pages_are_parts_of_one_list(tmp_path: Path) -> None:
    words = ("bell", "drum", "bells", "drummer")
    chance = random.Random(2)
    skills = [
        Given(f"s{number}", chance.choice(words), (), " ".join(chance.choices(words, k=4)))
        for number in range(60)
    ]
    with closing(catalogue_of(tmp_path, skills)) as catalogue:
        whole = catalogue.search("drum", limit=50)
        assert len(whole) > 25
        for size in (1, 7, 10):
            pages = [catalogue.search("drum", limit=size, offset=at) for at in range(0, 50, size)]
            assert [skill for page in pages for skill in page][:50] == list(whole)


@pytest.mark.parametrize(("limit", "offset", "count"), [
    (50, 0, 50), (51, 0, 50), (10**12, 0, 50), (0, 0, 0), (-1, 0, 0), (5, -7, 5), (5, 58, 2), (5, 60, 0),
    (5, 10**12, 0), (20, 499, 0),
])  # fmt: skip
def test_bounds_of_an_answer(tmp_path: Path, limit: int, offset: int, count: int) -> None:
    skills = [Given(f"s{number}", "Bell" if number < 60 else "Drum") for number in range(200)]
    assert len(found(tmp_path, "bell", skills, limit=limit, offset=offset)) == count


HOSTILE = (
    '"', '""', "'", "*", "a*", "pdf*", "^pdf", "pdf AND", "AND", "OR", "NOT pdf", "NEAR(pdf tools, 2)",
    "slug:pdf", "{slug title}: pdf", "- pdf", "+pdf", "(pdf", "pdf)", "pdf\0tools", "\0", "\ud800",
    "pdf \udfff", "\uffff", "pdf; DROP TABLE skill", "%", "_", "\\", "\n", "x" * 100_000, "pdf " * 50_000,
    "(" * 10_000, "\u202epdf", "\u0301", "\U0001f600", "a" * 41 + "b", "\ufdfa" * 400, "\u0e33" * 300,
    " ".join(f"w{number}" for number in range(1_000)),
)  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("body", [False, True])
def test_no_query_means_anything_to_sqlite(tmp_path: Path, query: str, body: bool) -> None:
    with closing(catalogue_of(tmp_path)) as catalogue:
        slugs = [skill.slug for skill in catalogue.search(query, body=body)]
        assert set(slugs) <= {given.slug for given in SKILLS}
        assert catalogue.suggest(query) is not None
        assert [skill.slug for skill in catalogue.search("pdf")] == ["pdf-tools", "invoice", "docx-report"]


@settings(max_examples=300)
@given(st.text(), st.booleans())
def test_no_text_at_all_is_refused(hostile_catalogue: Catalogue, query: str, body: bool) -> None:
    hostile_catalogue.search(query, body=body)
    hostile_catalogue.suggest(query)


@pytest.fixture(scope="module")
def hostile_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_of(tmp_path_factory.mktemp("hostile"))


@settings(max_examples=120)
@given(corpora(), st.lists(WORD, min_size=1, max_size=3).map(" ".join), st.integers(1, 6))
def test_search_finds_what_the_slow_one_finds_in_the_same_order(
    skills: list[Given], query: str, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as place:
        assert found(Path(place), query, skills, limit=limit) == slow_search.search(skills, query, limit)


@settings(max_examples=30)
@given(corpora(), st.randoms(use_true_random=False), WORD)
def test_the_order_of_loading_decides_nothing(skills: list[Given], chance: random.Random, query: str) -> None:
    other = list(skills)
    chance.shuffle(other)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        assert found(Path(one), query, skills) == found(Path(two), query, other)


def test_words_are_counted_as_they_come_and_go(world: World) -> None:
    """The list of words, from which misspelt ones are mended, is that of the skills there are."""
    world.repo.skill("zither")
    world.build()
    world.load()
    assert world.found("zithre") == ["zither"]
    world.repo.git("rm", "-rq", "skills/zither")
    world.build()
    world.load()
    assert world.found("zithre") == []
    with closing(sqlite3.connect((world.folder / LINK).resolve())) as connection:
        assert connection.execute("SELECT count(*) FROM term WHERE term = 'zither'").fetchone() == (0,)
        counted = connection.execute("SELECT skills FROM term WHERE term = 'alpha'").fetchone()
        assert (counted, connection.execute("SELECT words FROM state").fetchone()) == ((1,), (2,))


@pytest.mark.parametrize(
    ("asked", "slugs"),
    [
        ("pdf-tool", ("pdf-tools",)),
        ("pdftools", ("pdf-tools",)),
        ("PDF-TOOLS", ("pdf-tools",)),
        ("invoise", ("invoice",)),
        ("kanja", ("kanji",)),
        ("cafe", ("cafe",)),
        ("nothing-like-it", ()),
        ("", ()),
        ("\0", ()),
        ("\ud800", ()),
        ("pdf-tools" * 10_000, ()),
    ],
)
def test_suggestions(tmp_path: Path, asked: str, slugs: tuple[str, ...]) -> None:
    with closing(catalogue_of(tmp_path)) as catalogue:
        assert catalogue.suggest(asked) == slugs


def test_suggestions_are_the_nearest_then_by_slug(tmp_path: Path) -> None:
    skills = [Given(slug) for slug in ("report-c", "report-b", "report-a", "reports-xx", "resort")]
    with closing(catalogue_of(tmp_path, skills)) as catalogue:
        assert catalogue.suggest("report-x") == ("report-a", "report-b", "report-c")
        assert catalogue.suggest("report-x", 1) == ("report-a",)
        assert catalogue.suggest("report-x", 0) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PDF tools, v2.0!", ["pdf", "tools", "v2", "0"]),
        ("snake_case and kebab-case", ["snake", "case", "and", "kebab", "case"]),
        ("Stra\u00dfe Caf\u00e9 na\u00efve \u0130stanbul", ["strasse", "cafe", "naive", "istanbul"]),
        ("\uff30\uff24\uff26 \u00b2", ["pdf", "2"]),
        ("\u6f22\u5b57\u8f9e", ["\u6f22\u5b57", "\u5b57\u8f9e"]),
        ("x\u6f22y", ["x", "\u6f22", "y"]),
        ("\ud55c\uae00", ["\ud55c\uae00"]),
        ("a" * 50, ["a" * 40]),
        ("\u00e4" * 50, ["a" * 40]),
        ("\ud800a\0b", ["a", "b"]),
        ("", []),
    ],
)
def test_how_a_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
