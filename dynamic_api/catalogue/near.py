"""What was probably meant: words of the catalogue near a misspelt one, and slugs near a wrong one."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA, Levenshtein

from dynamic_api.catalogue.file import state_of
from dynamic_api.catalogue.skill import BUNDLE

WORDS = 5
"""The most words that stand for a misspelt one."""
_SHORT, _ONE_SLIP, _TWO_SLIPS = 3, 4, 8
"""Letters from which a word may have a small slip of the pen, one of any kind, or two."""
_SLUG = 64
ByLength = Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Lists:
    """Of one serial of the local file: the words, and the offered slugs."""

    serial: int
    words: ByLength
    slugs: ByLength


class Near:
    """Looks through all words and slugs, which it reads when they are asked for and changed."""

    def __init__(self) -> None:
        self._lists: _Lists | None = None

    def words(self, connection: sqlite3.Connection, word: str) -> tuple[str, ...]:
        """Words one slip away from `word`, or two from a long one; nearest first, then by alphabet."""
        return near_words(self._read(connection).words, word) if len(word) >= _SHORT else ()

    def slugs(self, connection: sqlite3.Connection, slug: str, limit: int) -> tuple[str, ...]:
        """The slugs that need the fewest changes to become `slug`: at most a third of its letters, or six."""
        asked = slug[:_SLUG].lower()
        most = min(6, max(1, len(asked) // 3))
        near = _within(self._read(connection).slugs, asked, most, Levenshtein.distance)
        return tuple(name for _, name in near[: max(0, limit)])

    def _read(self, connection: sqlite3.Connection) -> _Lists:
        lists, serial = self._lists, state_of(connection).serial
        if lists is None or lists.serial != serial:
            lists = self._lists = _lists(connection, serial)
        return lists


def near_words(words: ByLength, word: str) -> tuple[str, ...]:
    """Those of `words` one slip away, or two from a long one; nearest first, then by alphabet.

    A slip is a letter too much, missing, wrong, or two that are exchanged. Of three letters the first must be
    right, or two be exchanged: else half of all words of three letters were near.
    """
    if len(word) < _SHORT:
        return ()
    found = _within(words, word, 1 if len(word) < _TWO_SLIPS else 2, OSA.distance)
    near = [term for _, term in found if len(term) >= _SHORT]
    if len(word) < _ONE_SLIP:
        letters = sorted(word)
        exchanged = [term for term in near if sorted(term) == letters]
        return tuple((exchanged or [term for term in near if term[0] == word[0]])[:WORDS])
    return tuple(near[:WORDS])


def _within(texts: ByLength, asked: str, most: int, distance: Callable[..., int]) -> list[tuple[int, str]]:
    """The texts at most `most` away, each with its distance, nearest first and then by alphabet.

    Length by length: what is longer or shorter by more cannot be near, and no call holds Python up for long.
    """
    near: list[tuple[int, str]] = []
    for length in range(len(asked) - most, len(asked) + most + 1):
        found = process.extract(asked, texts.get(length, ()), scorer=distance, score_cutoff=most, limit=None)
        near += [(int(away), text) for text, away, _ in found]
    return sorted(near)


def _lists(connection: sqlite3.Connection, serial: int) -> _Lists:
    words = connection.execute("SELECT term FROM term WHERE length(term) >= ?", (_SHORT,))
    slugs = connection.execute("SELECT slug FROM skill WHERE offered != '' AND type != ?", (BUNDLE,))
    return _Lists(serial, by_length(row[0] for row in words), by_length(row[0] for row in slugs))


def by_length(texts: Iterable[str]) -> ByLength:
    """Length → the texts that have it."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for text in texts:
        found[len(text)].append(text)
    return dict(found)
