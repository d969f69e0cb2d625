"""What the API knows of the bucket: keyed reads for the event loop, search and suggestions for a thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from dynamic_api.catalogue.file import state_of
from dynamic_api.catalogue.readers import Readers
from dynamic_api.catalogue.revocations import Revocations
from dynamic_api.catalogue.search import ANY, DEEPEST, LIMIT, Known, find
from dynamic_api.catalogue.skill import BUNDLE, Answer, Collection, Holder, Skill, Version
from dynamic_api.catalogue.status import Status, read_status
from dynamic_api.catalogue.withheld import answer_about, without_revoked
from dynamic_api.errors import Unavailable
from dynamic_api.memory.memo import Memo
from registry_builder.core.ledger import QUARANTINED

T = TypeVar("T")
FOUND = 2_000
"""Records that searches found and that are remembered, at the most: about 3 kB each."""
_RECORD = msgspec.msgpack.Decoder(Skill)
_HOLDER = "slug, ordinal, state, sha256, size, artifact, derived"


class Matches(NamedTuple):
    """Skills, best first; how well they fit (search.py); and the words that counted."""

    skills: tuple[Skill, ...]
    fit: int
    words: Sequence[str]


class Catalogue:
    """The local view of the bucket in `folder`, which a Loader feeds. Threads may share it.

    Every method raises Unavailable while there is no view yet. Revocations count at once, also where the
    release does not know of them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers = Readers(folder)
        self._revocations = Revocations(folder)
        self._known = Known()
        self._found: Memo[int, Skill] = Memo(FOUND)
        # One: measured, several wait for the interpreter more than they win, and so does the loop.
        self._searcher = ThreadPoolExecutor(1, thread_name_prefix="search")

    def close(self) -> None:
        """Close the idle connections, once the searches under way are done."""
        self._searcher.shutdown()
        self._readers.close()

    async def aside(self, search: Callable[[], T]) -> T:
        """What `search` gives, in the thread for searches: one after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._searcher, search)

    def status(self) -> Status:
        """How fresh the view is, and what is wrong; never raises."""
        status = read_status(self.folder)
        try:
            with self._readers.reading() as connection:
                state = state_of(connection)
        except Unavailable:
            return replace(status, generation=0, root=None, commit=None, checked=0.0)
        return replace(status, generation=state.generation, root=state.root, commit=state.commit)

    @property
    def generation(self) -> int:
        """The newest generation that was taken over whole."""
        with self._readers.reading() as connection:
            return state_of(connection).generation

    @property
    def stamp(self) -> tuple[int, str | None, int]:
        """Changes whenever an answer may: for who remembers answers."""
        with self._readers.reading() as connection:
            return self._stamp(connection)

    def _stamp(self, connection: sqlite3.Connection) -> tuple[int, str | None, int]:
        state = state_of(connection)
        return state.serial, state.root, len(self._revocations.reasons)

    def skill(self, slug: str) -> Skill | None:
        """The record of `slug`, also of a name that is yanked, quarantined or removed."""
        return self._record("slug", slug)

    def skill_by_id(self, identity: str) -> Skill | None:
        """The record with this id (`skill_id` of its name)."""
        return self._record("id", identity)

    def answer(self, slug: str) -> Answer | None:
        """Route 2's whole body for `slug`: the bytes of the static twin, with its strong entity tag."""
        row = self._row("SELECT body, etag, offered FROM skill WHERE slug = ?", slug)
        if row is None:
            return None
        body, etag, offered = row
        if offered in self._revocations.reasons:
            skill = self.skill(slug)
            return answer_about(skill) if skill else None
        return Answer(body, etag, bool(offered))

    def versions(self, slug: str) -> tuple[Version, ...]:
        """The versions of `slug`, oldest first; none for an unknown one."""
        skill = self.skill(slug)
        return skill.versions if skill else ()

    def holder(self, sha256: str, slug: str | None = None) -> Holder | None:
        """The newest version with these bytes, of `slug` or of the first slug that has them."""
        query = f"SELECT {_HOLDER} FROM version WHERE sha256 = ?"  # noqa: S608 - our own words
        query += " ORDER BY slug, ordinal DESC" if slug is None else " AND slug = ? ORDER BY ordinal DESC"
        row = self._row(f"{query} LIMIT 1", sha256, *([] if slug is None else [slug]))
        if row is None:
            return None
        return _holder(row, self._revocations.reasons)

    def holders(self, sha256s: Iterable[str]) -> dict[str, Holder]:
        """Digest → the newest version whose artifact has it, of the first slug, in one query."""
        query = (
            f"SELECT {_HOLDER} FROM version WHERE sha256 IN (SELECT value FROM json_each(?))"  # noqa: S608
            " AND derived = '' ORDER BY slug DESC, ordinal"
        )
        with self._readers.reading() as connection:
            rows = connection.execute(query, (_json(sha256s),)).fetchall()
        reasons = self._revocations.reasons
        return {row[3]: _holder(row, reasons) for row in rows}

    def all_withdrawn(self, sha256s: Iterable[str]) -> dict[str, str]:
        """Digest → why it is taken back, for those of these artifacts that are, in one query."""
        asked = set(sha256s)
        found = {sha256: reason for sha256, reason in self._revocations.reasons.items() if sha256 in asked}
        query = (
            "SELECT sha256, reason FROM version"
            " WHERE sha256 IN (SELECT value FROM json_each(?)) AND state = ?"
        )
        with self._readers.reading() as connection:
            rows = connection.execute(query, (_json(asked), QUARANTINED)).fetchall()
        return {sha256: reason or QUARANTINED for sha256, reason in rows} | found

    def withdrawn(self, sha256: str) -> str | None:
        """Why these bytes are taken back, if they are: by revoked.json, or by the release.

        For a bundle ("sx") as well, whose artifact it is that was revoked.
        """
        reasons = self._revocations.reasons
        if sha256 in reasons:
            return reasons[sha256]
        row = self._row("SELECT artifact, state, reason FROM version WHERE sha256 = ? LIMIT 1", sha256)
        if row is None:
            return None
        artifact, state, reason = row
        return reasons.get(artifact) or (reason or state if state == QUARANTINED else None)

    def many(self, slugs: Iterable[str] = (), ids: Iterable[str] = ()) -> dict[str, Skill]:
        """slug → record of those with one of these slugs or ids, in one query."""
        query = (
            "SELECT record FROM skill WHERE slug IN (SELECT value FROM json_each(?))"
            " UNION ALL SELECT record FROM skill WHERE id IN (SELECT value FROM json_each(?))"
        )
        with self._readers.reading() as connection:
            rows = connection.execute(query, (_json(slugs), _json(ids))).fetchall()
        return {skill.slug: skill for skill in self._decoded(rows)}

    def page(self, after: str = "", limit: int = LIMIT, kind: str | None = None) -> tuple[Skill, ...]:
        """What is offered, by slug, from the first slug after `after`; of one type, or of all.

        Collections are not among them.
        """
        which = "type != ?" if kind is None else "type = ? AND type != 'bundle'"
        query = f"SELECT record FROM skill WHERE slug > ? AND offered != '' AND {which} ORDER BY slug LIMIT ?"  # noqa: S608 - our own words
        values = (after if _is_key(after) else "", kind or BUNDLE, max(0, limit))
        with self._readers.reading() as connection:
            rows = connection.execute(query, values).fetchall()
        return tuple(skill for skill in self._decoded(rows) if skill.offered)

    def collections(self) -> tuple[Collection, ...]:
        """The collections of the registry, by name."""
        query = "SELECT record, members FROM skill WHERE type = ? AND offered != '' ORDER BY slug"
        with self._readers.reading() as connection:
            rows = connection.execute(query, (BUNDLE,)).fetchall()
        return tuple(_collection(row) for row in rows)

    def collection(self, name: str) -> Collection | None:
        """The collection of this name."""
        query = "SELECT record, members FROM skill WHERE slug = ? AND type = 'bundle' AND offered != ''"
        row = self._row(query, name)
        return None if row is None else _collection(row)

    def search(
        self, query: str, *, limit: int = 20, offset: int = 0, body: bool = False
    ) -> tuple[Skill, ...]:
        """What fits `query` best, best first; see docs/catalogue-view.md for the order. For a thread.

        `limit` is cut to 50. With `body`, in the text of the prompt file instead of the short fields.
        """
        return self.matches(query, limit=limit, offset=offset, body=body).skills

    def matches(self, query: str, *, limit: int = 20, offset: int = 0, body: bool = False) -> Matches:
        """As `search`, with how well they fit."""
        first = max(0, offset)
        last = first + max(0, min(limit, LIMIT))
        with self._readers.reading() as connection:
            found = find(connection, self._known, query, range(first, last), body=body)
            skills = self._numbered(connection, found.numbers)
        shown = tuple(skills[number] for number in found.numbers if skills[number].offered)
        return Matches(shown, found.fit if shown else ANY, found.words)

    def window(self, query: str, span: range) -> tuple[tuple[Skill, ...], int]:
        """What is found at the places in `span`, and how much is found in all, 500 at most. For a thread."""
        with self._readers.reading() as connection:
            numbers = find(connection, self._known, query, range(DEEPEST)).numbers
            wanted = numbers[span.start : span.stop]
            found = self._numbered(connection, wanted)
        return tuple(found[number] for number in wanted if found[number].offered), len(numbers)

    def suggest(self, slug: str, limit: int = 3) -> tuple[str, ...]:
        """The offered slugs nearest to `slug` by Levenshtein distance, nearest first. For a thread."""
        with self._readers.reading() as connection:
            return self._known.near.slugs(connection, slug, limit)

    def _numbered(self, connection: sqlite3.Connection, numbers: Sequence[int]) -> Mapping[int, Skill]:
        """Number → record; those that were found lately are not read again."""
        records = self._found.at(self._stamp(connection))
        missing = [number for number in numbers if number not in records.known]
        if missing:
            query = "SELECT record, number FROM skill WHERE number IN (SELECT value FROM json_each(?))"
            rows = connection.execute(query, (msgspec.json.encode(missing).decode(),)).fetchall()
            for row, skill in zip(rows, self._decoded(rows), strict=True):
                records.keep(row[1], skill)
        return records.known

    def _record(self, column: str, value: str) -> Skill | None:
        row = self._row(f"SELECT record FROM skill WHERE {column} = ?", value)  # noqa: S608 - our own words
        return None if row is None else self._decoded([row])[0]

    def _row(self, query: str, *values: str) -> tuple[Any, ...] | None:
        """The first row; none for what no name, id or digest can be."""
        if not all(map(_is_key, values)):
            return None
        with self._readers.reading() as connection:
            row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
            return row

    def _decoded(self, rows: Iterable[Sequence[Any]]) -> list[Skill]:
        """The records that stand first in each of `rows`."""
        reasons = self._revocations.reasons
        return [without_revoked(_RECORD.decode(row[0]), reasons) for row in rows]


def _holder(row: Sequence[Any], reasons: Mapping[str, str]) -> Holder:
    name, ordinal, state, sha256, size, artifact, derived = row
    state = QUARANTINED if artifact in reasons else state
    return Holder(name, ordinal, state, sha256, size, artifact, derived or None)


def _collection(row: Sequence[Any]) -> Collection:
    skill, members = _RECORD.decode(row[0]), msgspec.json.decode(row[1], type=tuple[str, ...])
    return Collection(skill.slug, skill.name, skill.description, members)


def _json(values: Iterable[str]) -> str:
    return msgspec.json.encode([value for value in values if _is_key(value)]).decode()


def _is_key(value: str) -> bool:
    """Whether `value` can be a name, an id or a digest. SQLite's JSON ends texts at a NUL."""
    return value.isascii() and value.isprintable()
