"""The loader: follows a bucket into the local file, one transaction for each change of the bucket."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from dataclasses import replace as with_fields
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from dynamic_api.catalogue.bucket import read_pointer, read_root
from dynamic_api.catalogue.changes import Changes, find_changes
from dynamic_api.catalogue.entry import Entry, Wanted, read_entry
from dynamic_api.catalogue.file import DAMAGED, State, is_damage, new_file, open_to_write, state_of
from dynamic_api.catalogue.lock import Lock
from dynamic_api.catalogue.revocations import follow_revocations
from dynamic_api.catalogue.rows import Rows
from dynamic_api.catalogue.status import Fault, Status, read_status, write_status
from registry_builder.core.errors import Foreign, Missing, Refusal, Trouble
from registry_builder.core.tree import Pointer
from registry_builder.store.base import Reader

_AHEAD = 4


@dataclass(frozen=True, slots=True)
class _View:
    """What the local file holds after a look at the bucket."""

    state: State
    unsettled: int


class Loader:
    """Follows `reader` into `folder`. Entered, it is the only one on this host; else Busy is raised.

    What goes wrong is told in the status that each method gives and leaves in the folder; the view stays.
    """

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader = reader
        self.folder = folder
        self._lock = Lock(folder)

    def __enter__(self) -> Self:
        self._lock.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.give_back()

    def load(self, now: float) -> Status:
        """Look at release.json and take over what changed. `now` is in Unix seconds. Raises Busy."""
        self._lock.keep()
        status = read_status(self.folder)
        try:
            told = _seen(status, self._follow(status), now)
        except (Refusal, sqlite3.Error, OSError) as error:
            told = replace(status, fault=_fault(error, self.folder, status.fault, now))
        write_status(self.folder, told)
        return told

    def load_revoked(self, now: float) -> Status:
        """Look at revoked.json alone: cheap, and to be done more often. Raises Busy."""
        self._lock.keep()
        status = read_status(self.folder)
        try:
            count = follow_revocations(self.reader, self.folder)
            told = replace(status, revoked=now, revoked_fault=None, revocations=count)
        except (Refusal, OSError) as error:
            told = replace(status, revoked_fault=_fault(error, self.folder, status.revoked_fault, now))
        write_status(self.folder, told)
        return told

    def _follow(self, status: Status) -> _View:
        pointer = read_pointer(self.reader)
        _refuse_older(pointer, status.generation, self.folder)
        with suppress(_Unusable):
            return self._follow_into_current(pointer)
        with new_file(self.folder) as connection:
            view = self._update(connection, pointer)
            connection.execute("INSERT INTO short (short) VALUES ('optimize')")
            connection.execute("INSERT INTO text (text) VALUES ('optimize')")
        (self.folder / DAMAGED).unlink(missing_ok=True)
        return view

    def _follow_into_current(self, pointer: Pointer) -> _View:
        connection = None if (self.folder / DAMAGED).exists() else open_to_write(self.folder)
        if connection is None:
            raise _Unusable
        try:
            with closing(connection):
                _refuse_older(pointer, state_of(connection).generation, self.folder)
                return self._update(connection, pointer)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise _Unusable from error
            raise

    def _update(self, connection: sqlite3.Connection, pointer: Pointer) -> _View:
        known, sha256 = state_of(connection), pointer.readable_root
        if sha256 is None:
            raise Missing("no-release", "the first release is still being written", place="release.json")
        state = _state_at(known, pointer, sha256)
        if state == known and not _unsettled(connection):
            return _View(known, 0)
        changes = find_changes(connection, self.reader, read_root(self.reader, sha256).bins)
        with _transaction(connection):
            self._write(connection, changes, state)
        return _View(state_of(connection), _unsettled(connection))

    def _write(self, connection: sqlite3.Connection, changes: Changes, state: State) -> None:
        rows, before = Rows(connection), connection.total_changes
        for name in changes.gone:
            rows.drop(name)
        for entry in _entries(self.reader, changes.wanted):
            if entry.settled or entry.wanted.name not in changes.retried:
                rows.put(entry)
        rows.finish(changes.bins)
        if connection.total_changes != before or state != state_of(connection):
            connection.execute(
                'UPDATE state SET serial = serial + 1, generation = ?, root = ?, "commit" = ?',
                (state.generation, state.root, state.commit),
            )


class _Unusable(Exception):  # noqa: N818 - named by what happened
    """There is no local file that can be gone on with."""


def _generation(pointer: Pointer) -> int:
    """That of the release which readers rely on: an open pointer's own is still being written."""
    return pointer.generation - (not pointer.complete)


def _refuse_older(pointer: Pointer, known: int, folder: Path) -> None:
    if _generation(pointer) < known:
        raise Foreign(
            "older-release",
            f"generation {pointer.generation} is older than {known}, which was read before",
            place="release.json",
            mend=f"mend the mirror; if the bucket was made anew, remove {folder}",
        )


def _state_at(known: State, pointer: Pointer, root: str) -> State:
    """What the file is a view of once `root` is taken over. An open pointer's commit is another's."""
    commit = pointer.commit if pointer.complete else (known.commit if root == known.root else None)
    return with_fields(known, generation=_generation(pointer), root=root, commit=commit)


def _unsettled(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT count(*) FROM skill WHERE settled = 0").fetchone()[0]
    return found


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _entries(reader: Reader, wanted: Sequence[Wanted]) -> Iterator[Entry]:
    """Each of `wanted`, in order, read by as many threads as the store is worth."""
    parallel = getattr(reader, "parallel", 1)
    if parallel == 1 or len(wanted) == 1:
        yield from (read_entry(reader, item) for item in wanted)
        return
    with ThreadPoolExecutor(parallel) as pool:
        ahead: deque[Future[Entry]] = deque()
        try:
            for item in wanted:
                ahead.append(pool.submit(read_entry, reader, item))
                if len(ahead) > _AHEAD * parallel:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _seen(status: Status, view: _View, now: float) -> Status:
    return replace(
        status,
        generation=view.state.generation,
        root=view.state.root,
        commit=view.state.commit,
        changed=status.changed if view.state.root == status.root else now,
        checked=now,
        fault=None,
        unsettled=view.unsettled,
    )


def _fault(error: Exception, folder: Path, before: Fault | None, now: float) -> Fault:
    if not isinstance(error, Refusal):
        mend = "make room for it and give the API the right to write there; it may be removed at any time"
        error = Trouble("local-file", str(error), place=str(folder), mend=mend)
    since = before.since if before and before.code == error.code else now
    return Fault(code=error.code, message=error.message, place=error.place, mend=error.mend, since=since)
