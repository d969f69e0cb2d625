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
from dataclasses import dataclass
from itertools import islice

import msgspec

from dynamic_api.catalogue.file import STRONG, state_of
from dynamic_api.catalogue.near import Near
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

_HITS = """
SELECT skill.number, skill.slug, hit.rank FROM
    (SELECT rowid AS number, rank FROM {table} WHERE {table} MATCH ? ORDER BY rank LIMIT ?) AS hit
    JOIN skill USING (number) ORDER BY hit.rank, skill.slug
"""
# `rank = x` would be taken for the name of a function.
_EQUALS = """
SELECT skill.number FROM {table} JOIN skill ON skill.number = {table}.rowid
WHERE {table} MATCH ? AND {table}.rank BETWEEN ? AND ? ORDER BY skill.slug LIMIT ?
"""
_BY_SLUG = """
SELECT number FROM skill
WHERE offered != '' AND EXISTS (SELECT 1 FROM {table} WHERE {table} MATCH ? AND {table}.rowid = skill.number)
ORDER BY slug LIMIT ?
"""
_COUNTS = "SELECT term, skills FROM term WHERE term IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of skills, best first; how well they fit; and the words that counted."""

    numbers: Sequence[int] = ()
    fit: int = ANY
    words: Sequence[str] = ()


def asked(query: str) -> list[str]:
    """The words of a query that count, each once."""
    return list(dict.fromkeys(words_of(query[:CHARACTERS])))[:WORDS]


def find(connection: sqlite3.Connection, near: Near, query: str, span: range, *, body: bool = False) -> Found:
    """The skills that come at the places in `span`."""
    words = asked(query)
    first, last = span.start, min(span.stop, DEEPEST)
    if not words or first >= last:
        return Found()
    connection.execute("BEGIN")
    try:
        search = _Search(connection, near, "text" if body else "short", last)
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
        half = state_of(self.connection).words / 2
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
        wanted = self.most + len(seen)
        rows = self.connection.execute(_HITS.format(table=self.table), (expression, wanted + 1)).fetchall()
        numbers = [number for number, _, _ in rows[:wanted]]
        if len(rows) > wanted and rows[wanted][2] == rows[wanted - 1][2]:
            # Equals on both sides of the cut: which of them come first by slug, only all of them tell.
            rank = rows[wanted][2]
            numbers = [number for number, _, other in rows if other < rank]
            values = (expression, rank, rank, wanted - len(numbers))
            equals = self.connection.execute(_EQUALS.format(table=self.table), values).fetchall()
            numbers += [number for (number,) in equals]
        fresh = [number for number in numbers if number not in seen]
        seen.update(fresh)
        yield from fresh


def _exact(word: str) -> str:
    return f'"{word}"'


def _opening(word: str, least: int) -> str:
    """`word` as the beginning of a word, if it is long enough for that to mean anything."""
    return f"{_exact(word)} *" if len(word) >= least or not word.isascii() else _exact(word)
