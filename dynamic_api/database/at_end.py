"""Rows that a transaction writes at its end: what many pieces of work add to becomes one statement.

They wait beside the connection, so what a savepoint undoes is forgotten with it, and `Writer` and
`PostgreSQL` refuse to commit while some are left.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

_ROWS, _MARKS = "rows at the end", "marks of savepoints"


def add(db: Connection, kind: str, row: object) -> None:
    """Keep a row of this kind until the transaction ends."""
    _rows(db).append((kind, row))


def take(db: Connection, kind: str) -> list[Any]:
    """The rows of this kind in their order; they wait no longer."""
    rows = _rows(db)
    taken = [row for of, row in rows if of == kind]
    rows[:] = [each for each in rows if each[0] != kind]
    return taken


def mark(db: Connection) -> int:
    """How many rows wait now, for `undo`."""
    return len(_rows(db))


def undo(db: Connection, to: int) -> None:
    """Forget the rows that came after this mark."""
    del _rows(db)[to:]


def clear(db: Connection) -> None:
    """Forget what an earlier transaction has left."""
    db.info.pop(_ROWS, None)
    db.info.pop(_MARKS, None)


def require_none(db: Connection) -> None:
    """Raise AssertionError when a row would be lost by a commit."""
    if rows := _rows(db):
        raise AssertionError(f"nothing writes rows of {rows[0][0]} at the end of a transaction")


def follow_savepoints(engine: Engine) -> None:
    """Forget with each savepoint of SQLAlchemy what came after it. They end in the opposite order."""
    event.listen(engine, "savepoint", lambda db, _name: _marks(db).append(mark(db)))
    event.listen(engine, "release_savepoint", lambda db, _name, _context: _marks(db).pop())
    event.listen(engine, "rollback_savepoint", _roll_back)


def _roll_back(db: Connection, _name: str, _context: None) -> None:
    if not db.invalidated:
        undo(db, _marks(db).pop())


def _rows(db: Connection) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = db.info.setdefault(_ROWS, [])
    return rows


def _marks(db: Connection) -> list[int]:
    marks: list[int] = db.info.setdefault(_MARKS, [])
    return marks
