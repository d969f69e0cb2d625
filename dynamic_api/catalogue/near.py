"""What was probably meant: words of the catalogue near a misspelt one, and slugs near a wrong one."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA, Levenshtein

from dynamic_api.catalogue.file import state_of
from dynamic_api.catalogue.skill import BUNDLE

WORDS = 5
"""The most words that stand for a misspelt one."""
_ONE_SLIP, _TWO_SLIPS = 4, 8
"""Letters from which a word may have one slip of the pen, or two."""
_SLUG = 64


@dataclass(frozen=True, slots=True)
class _Lists:
    """Of one serial of the local file: the words by their length, and the offered slugs."""

    serial: int
    words: Mapping[int, Sequence[str]]
    slugs: Sequence[str]


class Near:
    """Looks through all words and slugs, which it reads when they are asked for and changed."""

    def __init__(self) -> None:
        self._lists: _Lists | None = None

    def words(self, connection: sqlite3.Connection, word: str) -> tuple[str, ...]:
        """Words one slip away from `word`, or two from a long one; nearest first, then by alphabet.

        A slip is a letter too much, missing, wrong, or two that are exchanged.
        """
        slips = 0 if len(word) < _ONE_SLIP else 1 if len(word) < _TWO_SLIPS else 2
        if not slips:
            return ()
        lists = self._read(connection)
        near: list[tuple[int, str]] = []
        for length in range(len(word) - slips, len(word) + slips + 1):
            found = process.extract(
                word, lists.words.get(length, ()), scorer=OSA.distance, score_cutoff=slips, limit=None
            )
            near += [(int(distance), term) for term, distance, _ in found]
        return tuple(term for _, term in sorted(near)[:WORDS])

    def slugs(self, connection: sqlite3.Connection, slug: str, limit: int) -> tuple[str, ...]:
        """The slugs that need the fewest changes to become `slug`, at most half of its letters."""
        asked = slug[:_SLUG].lower()
        most = max(1, len(asked) // 2)
        found = process.extract(
            asked, self._read(connection).slugs, scorer=Levenshtein.distance, score_cutoff=most, limit=None
        )
        near = sorted((int(distance), name) for name, distance, _ in found)
        return tuple(name for _, name in near[: max(0, limit)])

    def _read(self, connection: sqlite3.Connection) -> _Lists:
        lists, serial = self._lists, state_of(connection).serial
        if lists is None or lists.serial != serial:
            lists = self._lists = _lists(connection, serial)
        return lists


def _lists(connection: sqlite3.Connection, serial: int) -> _Lists:
    words: defaultdict[int, list[str]] = defaultdict(list)
    for (term,) in connection.execute("SELECT term FROM term WHERE length(term) >= ?", (_ONE_SLIP - 1,)):
        words[len(term)].append(term)
    query = "SELECT slug FROM skill WHERE offered != '' AND type != ? ORDER BY slug"
    slugs = [slug for (slug,) in connection.execute(query, (BUNDLE,))]
    return _Lists(serial, dict(words), slugs)
