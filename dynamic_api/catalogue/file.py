"""The local SQLite file: its tables, and how one takes the place of another.

`catalogue.sqlite3` is a link to `catalogue-<n>.sqlite3`. A file that has to be made anew gets the next
number, so that no journal of an old one can ever be taken for that of a new one; then the link is replaced.
Within a file, readers see the last transaction (WAL).
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

LINK = "catalogue.sqlite3"
DAMAGED = "damaged"
"""A reader puts a file of this name beside a local file that it cannot read; the loader makes a new one."""
FORMAT = 3
"""Raised with every change of the tables or of how words are cut: older files are made anew."""
WEIGHTS = {"slug": 10.0, "title": 8.0, "tags": 5.0, "description": 1.0}
"""The columns of short fields, and what a word in each is worth."""
STRONG = ("slug", "title", "tags")
"""The columns that say what a skill is; hits in them come first."""

_NAME = re.compile(r"catalogue-([0-9]{8})\.sqlite3(-wal|-shm|-journal)?")
_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_TABLES = f"""
CREATE TABLE state (
    serial INTEGER NOT NULL, generation INTEGER NOT NULL, root TEXT, "commit" TEXT, words INTEGER NOT NULL
);
INSERT INTO state VALUES (0, 0, NULL, NULL, 0);
CREATE TABLE bin (label TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE skill (
    number INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    bin TEXT NOT NULL, document TEXT NOT NULL, pinned TEXT NOT NULL, indexed TEXT NOT NULL,
    settled INTEGER NOT NULL, offered TEXT NOT NULL, members TEXT NOT NULL,
    record BLOB NOT NULL, body BLOB NOT NULL, etag TEXT NOT NULL
);
CREATE INDEX skill_bin ON skill (bin);
CREATE INDEX skill_unsettled ON skill (slug) WHERE settled = 0;
CREATE INDEX skill_type ON skill (type, slug);
CREATE TABLE version (
    sha256 TEXT NOT NULL, slug TEXT NOT NULL, ordinal INTEGER NOT NULL, derived TEXT NOT NULL,
    state TEXT NOT NULL, size INTEGER NOT NULL, artifact TEXT NOT NULL, reason TEXT,
    PRIMARY KEY (sha256, slug, ordinal, derived)
) WITHOUT ROWID;
CREATE INDEX version_slug ON version (slug);
CREATE TABLE term (term TEXT PRIMARY KEY, skills INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE short USING fts5({", ".join(WEIGHTS)}, tokenize = 'ascii', prefix = '2 3');
INSERT INTO short (short, rank) VALUES ('rank', 'bm25({", ".join(map(str, WEIGHTS.values()))})');
CREATE VIRTUAL TABLE text USING fts5(body, tokenize = 'ascii');
PRAGMA user_version = {FORMAT};
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class State:
    """What a file is a view of. `words` is how many skills are searched.

    `serial` grows with every change, from a number that no other file begins with.
    """

    serial: int = 0
    generation: int = 0
    root: str | None = None
    commit: str | None = None
    words: int = 0


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, rather than busy, full or out of reach."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def state_of(connection: sqlite3.Connection) -> State:
    """The state of the open file."""
    return State(
        *connection.execute('SELECT serial, generation, root, "commit", words FROM state').fetchone()
    )


def open_to_read(folder: Path) -> sqlite3.Connection:
    """The current file for reading, by one thread at a time. Raises sqlite3.Error when there is none."""
    address = f"file:{quote(os.fspath((folder / LINK).absolute()))}?mode=ro"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        connection.execute("PRAGMA cache_size = -2048")
        _require_format(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_write(folder: Path) -> sqlite3.Connection | None:
    """The current file for the one loader; None when there is none, or one of another format."""
    target = folder / LINK
    if not target.is_file():
        return None
    connection = sqlite3.connect(target.resolve(), isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        _require_format(connection)
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error) or isinstance(error, WrongFormat):
            return None
        raise
    return connection


class WrongFormat(sqlite3.DatabaseError):
    """The file was made by another version of this program."""


def _require_format(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != FORMAT:
        raise WrongFormat(f"format {found}, and this program reads {FORMAT}")


@contextmanager
def new_file(folder: Path) -> Iterator[sqlite3.Connection]:
    """A new, empty file, which takes the place of the current one when the block ends well."""
    sweep(folder)
    numbers = [int(match[1]) for item in folder.iterdir() if (match := _NAME.fullmatch(item.name))]
    path = folder / f"catalogue-{max(numbers, default=0) + 1:08d}.sqlite3"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_TABLES)
            # Who remembers by serial must not take one file for another.
            connection.execute("UPDATE state SET serial = ?", (secrets.randbits(62),))
            yield connection
            connection.execute("PRAGMA journal_mode = WAL")
        _flush(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    _point(folder, path.name)
    sweep(folder)


def _point(folder: Path, name: str) -> None:
    beside = folder / f".{LINK}.new"
    beside.unlink(missing_ok=True)
    beside.symlink_to(name)
    beside.replace(folder / LINK)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what killed runs and older files left. Who still reads one keeps it until they close it."""
    try:
        kept = (folder / LINK).readlink().name
    except OSError:
        kept = ""
    for item in list(folder.iterdir()):
        if _NAME.fullmatch(item.name) and not (kept and item.name.startswith(kept)):
            item.unlink(missing_ok=True)
