"""Entries into rows: the record and its answers, the digests of its bytes, and its words."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping

import msgspec

from dynamic_api.catalogue.entry import Entry
from dynamic_api.catalogue.file import WEIGHTS
from dynamic_api.catalogue.skill import BUNDLE, Skill
from dynamic_api.catalogue.words import words_of

_COLUMNS = ", ".join(WEIGHTS)
_PUT = """
INSERT INTO skill
    (slug, id, type, bin, document, pinned, indexed, settled, offered, members, record, body, etag)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (slug) DO UPDATE SET id = excluded.id, type = excluded.type, bin = excluded.bin,
    document = excluded.document, pinned = excluded.pinned, indexed = excluded.indexed,
    settled = excluded.settled, offered = excluded.offered, members = excluded.members,
    record = excluded.record, body = excluded.body, etag = excluded.etag
RETURNING number
"""


_COUNT = "INSERT INTO term VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET skills = skills + excluded.skills"
_SHORT = f"SELECT {_COLUMNS} FROM short WHERE rowid = ?"  # noqa: S608 - our own words


class Rows:
    """Writes entries into an open transaction. `finish` ends it with what all of them came to."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._terms: Counter[str] = Counter()
        self._skills = 0

    def put(self, entry: Entry) -> None:
        """Write `entry` over what there is of its name."""
        skill, wanted = entry.skill, entry.wanted
        row = (
            skill.slug,
            skill.id,
            skill.type,
            wanted.bin,
            wanted.document,
            wanted.pinned,
            entry.indexed,
            int(entry.settled),
            skill.download.sha256 if skill.download else "",
            msgspec.json.encode(sorted(entry.members)).decode(),
            msgspec.msgpack.encode(skill),
            entry.answer.body,
            entry.answer.etag,
        )
        ((number,),) = self._connection.execute(_PUT, row).fetchall()
        self._connection.execute("DELETE FROM version WHERE slug = ?", (skill.slug,))
        self._connection.executemany("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entry.versions)
        searched = skill.offered and skill.type != BUNDLE
        self._put_short(number, short_texts(skill) if searched else None)
        self._put_text(number, entry.text if searched else "")

    def drop(self, slug: str) -> None:
        """Remove all there is of `slug`."""
        for (number,) in self._connection.execute(
            "SELECT number FROM skill WHERE slug = ?", (slug,)
        ).fetchall():
            self._put_short(number, None)
            self._put_text(number, "")
            self._connection.execute("DELETE FROM skill WHERE number = ?", (number,))
        self._connection.execute("DELETE FROM version WHERE slug = ?", (slug,))

    def finish(self, bins: Mapping[str, str | None]) -> None:
        """Write down the bins, and which words came and went."""
        for label, sha256 in bins.items():
            if sha256 is None:
                self._connection.execute("DELETE FROM bin WHERE label = ?", (label,))
            else:
                self._connection.execute("INSERT OR REPLACE INTO bin VALUES (?, ?)", (label, sha256))
        changed = [(term, count) for term, count in sorted(self._terms.items()) if count]
        self._connection.executemany(_COUNT, changed)
        self._connection.executemany(
            "DELETE FROM term WHERE term = ? AND skills <= 0",
            [(term,) for term, count in changed if count < 0],
        )
        self._connection.execute("UPDATE state SET words = words + ?", (self._skills,))

    def _put_short(self, number: int, texts: tuple[str, ...] | None) -> None:
        old = self._connection.execute(_SHORT, (number,)).fetchone()
        if old == texts:
            return
        if old is not None:
            self._connection.execute("DELETE FROM short WHERE rowid = ?", (number,))
            self._count(old, -1)
        if texts is not None:
            marks = ", ".join("?" * (1 + len(texts)))
            query = f"INSERT INTO short (rowid, {_COLUMNS}) VALUES ({marks})"  # noqa: S608 - our own words
            self._connection.execute(query, (number, *texts))
            self._count(texts, 1)

    def _put_text(self, number: int, text: str | None) -> None:
        """None keeps what there is."""
        if text is None:
            return
        self._connection.execute("DELETE FROM text WHERE rowid = ?", (number,))
        if words := words_of(text):
            row = (number, " ".join(words))
            self._connection.execute("INSERT INTO text (rowid, body) VALUES (?, ?)", row)

    def _count(self, texts: tuple[str, ...], sign: int) -> None:
        self._skills += sign
        for term in {word for text in texts for word in text.split(" ") if word}:
            self._terms[term] += sign


def short_texts(skill: Skill) -> tuple[str, ...]:
    """The short fields in the order of their columns, cut into words."""
    fields = (skill.slug, skill.name, " ".join(skill.tags), skill.description)
    return tuple(" ".join(words_of(field)) for field in fields)
