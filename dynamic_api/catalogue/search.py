"""Search: which skills fit a query, and in what order.

Hits come in groups, and a later group only follows when the earlier ones do not fill the answer:

1. every word is there as it was typed: first where it is in slug, title or tags, then anywhere;
2. every word begins one that is there: two letters in slug, title or tags, three anywhere;
3. nothing yet: words that the catalogue does not have stand for those one or two slips away;
4. still nothing: any of the words.

Within a group bm25 decides, then the slug. A word that more than half of all skills have says nothing: it is
ignored beside others, and of several such the least common one counts. Of a single word that MANY skills
have, those that only mention it come by slug: bm25 would have to weigh all of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from dynamic_api.catalogue.file import STRONG, State, state_of
from dynamic_api.catalogue.near import Near
from dynamic_api.catalogue.order import Order
from dynamic_api.catalogue.words import words_of

LIMIT = 50
"""The most hits of one answer."""
DEEPEST = 500
"""Hits beyond this rank are not looked for."""
MANY = 5_000
CHARACTERS, WORDS = 400, 8
"""How much of a query counts."""
TYPED, MEANT, ANY = 1, 3, 4
"""How well hits fit: by words as they were typed, or as they were meant, or by some of the words."""

# FTS5 weighs and sorts all hits before the first; what is not taken of them costs no more.
_HITS = "SELECT rank, rowid FROM {table} WHERE {table} MATCH ? ORDER BY rank"
_CHUNK = 100
_BY_SLUG = """
SELECT number FROM skill
WHERE offered != '' AND EXISTS (SELECT 1 FROM {table} WHERE {table} MATCH ? AND {table}.rowid = skill.number)
ORDER BY slug LIMIT ?
"""
_COUNTS = "SELECT term, skills FROM term WHERE term IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Known:
    """What searches read once and keep until the local file changes."""

    near: Near = field(default_factory=Near)
    order: Order = field(default_factory=Order)


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of skills, best first; how well they fit; and the words that counted."""

    numbers: Sequence[int] = ()
    fit: int = ANY
    words: Sequence[str] = ()


def asked(query: str) -> list[str]:
    """The words of a query that count, each once."""
    return list(dict.fromkeys(words_of(query[:CHARACTERS])))[:WORDS]


def find(
    connection: sqlite3.Connection, known: Known, query: str, span: range, *, body: bool = False
) -> Found:
    """The skills that come at the places in `span`."""
    words = asked(query)
    first, last = span.start, min(span.stop, DEEPEST)
    if not words or first >= last:
        return Found()
    connection.execute("BEGIN")
    try:
        table, state = "text" if body else "short", state_of(connection)
        search = _Search(connection, known.near, known.order, state, table, last)
        telling, many = search.telling(words)
        numbers = list(islice(search.hits(telling, many), first, last))
        return Found(numbers, search.fit, telling)
    finally:
        connection.execute("COMMIT")


@dataclass(slots=True)
class _Search:
    """One query in one table; `most` is how many hits are wanted, `fit` how well those taken so far fit."""

    connection: sqlite3.Connection
    near: Near
    order: Order
    state: State
    table: str
    most: int
    fit: int = TYPED

    def hits(self, words: Sequence[str], many: bool) -> Iterator[int]:
        """Numbers, best first, each once, as far as somebody takes them."""
        seen: set[int] = set()
        if many and self.table == "short":
            yield from self._of_many(words[0], seen)
            return
        for expression in self._as_typed(words):
            yield from self._fresh(expression, seen)
        if seen:
            return
        self.fit = MEANT
        meant = [self._meant(word) for word in words]
        for expression in self._in_steps(" AND ".join(meant)):
            yield from self._fresh(expression, seen)
        if not seen and len(words) > 1:
            self.fit = ANY
            yield from self._fresh(" OR ".join(meant), seen)

    def telling(self, asked: Sequence[str]) -> tuple[Sequence[str], bool]:
        """The words that count, and whether it is one that many skills have."""
        counts = dict(self.connection.execute(_COUNTS, (msgspec.json.encode(asked).decode(),)))
        half = self.state.words / 2
        rare = [word for word in asked if counts.get(word, 0) <= half]
        words = rare or [min(asked, key=lambda word: (counts[word], word))]
        return words, len(words) == 1 and counts.get(words[0], 0) > min(half, MANY)

    def _of_many(self, word: str, seen: set[int]) -> Iterator[int]:
        strong, anywhere = self._in_steps(_exact(word))
        yield from self._fresh(strong, seen)
        rows = self.connection.execute(
            _BY_SLUG.format(table=self.table), (anywhere, self.most + len(seen))
        ).fetchall()
        yield from (number for (number,) in rows if number not in seen)

    def _as_typed(self, words: Sequence[str]) -> Iterator[str]:
        yield from self._in_steps(" AND ".join(map(_exact, words)))
        strong, anywhere = (" AND ".join(_opening(word, least) for word in words) for least in (2, 3))
        yield from self._in_steps(strong)[:-1]
        yield anywhere

    def _in_steps(self, expression: str) -> Sequence[str]:
        if self.table != "short":
            return (expression,)
        return (f"{{{' '.join(STRONG)}}} : ({expression})", expression)

    def _meant(self, word: str) -> str:
        """`word` as it is, or the words near it when there is nothing that begins with it."""
        query = f"SELECT 1 FROM {self.table} WHERE {self.table} MATCH ? LIMIT 1"  # noqa: S608 - our own words
        if self.connection.execute(query, (f"{_exact(word)} *",)).fetchone():
            return _opening(word, 3)
        near = self.near.words(self.connection, word)
        return f"({' OR '.join(map(_exact, near))})" if near else _exact(word)

    def _fresh(self, expression: str, seen: set[int]) -> Iterator[int]:
        """The hits of one group that are not `seen`, which grows with them."""
        fresh = [number for number in self._best(expression, self.most + len(seen)) if number not in seen]
        seen.update(fresh)
        yield from fresh

    def _best(self, expression: str, wanted: int) -> Sequence[int]:
        """The first hits by rank, and by slug where ranks are equal."""
        with closing(self.connection.execute(_HITS.format(table=self.table), (expression,))) as hits:
            rows = hits.fetchmany(wanted)
            last = rows[-1][0] if len(rows) == wanted else None
            # Equals on both sides of the cut: which of them come first by slug, only all of them tell.
            while last is not None and rows[-1][0] == last and (more := hits.fetchmany(_CHUNK)):
                rows += more
        places = self.order.places(self.connection, self.state.serial)
        rows.sort(key=lambda row: (row[0], places[row[1]]))
        return [number for _, number in rows[:wanted]]


def _exact(word: str) -> str:
    return f'"{word}"'


def _opening(word: str, least: int) -> str:
    """`word` as the beginning of a word, if it is long enough for that to mean anything."""
    return f"{_exact(word)} *" if len(word) >= least or not word.isascii() else _exact(word)
