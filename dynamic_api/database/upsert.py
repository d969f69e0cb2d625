"""Insert what may be there already, on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_absent(db: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> int:
    """Insert `rows` but for those whose key is taken; gives how many went in. They have the same fields."""
    return len(inserted(db, table, rows))


def inserted(db: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> Sequence[Any]:
    """As `insert_absent`; gives the keys of those that went in."""
    if not rows:
        return ()
    return db.execute(_statement(db.dialect.name, table), values_of(rows)).all()


def put(db: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert `rows`, in place of those whose key is taken. They have the same fields."""
    if rows:
        db.execute(_replacing(db.dialect.name, table, tuple(rows[0])), values_of(rows))


def add(db: Connection, table: Table, rows: Sequence[Mapping[str, object]], columns: tuple[str, ...]) -> None:
    """Insert `rows`; where the key is taken, add their `columns` to what is there."""
    if rows:
        db.execute(_adding(db.dialect.name, table, columns), values_of(rows))


def values_of(rows: Sequence[Mapping[str, object]]) -> Any:
    """`rows` for `execute`. One goes alone: what drivers do for many costs as much as another statement."""
    return dict(rows[0]) if len(rows) == 1 else [dict(row) for row in rows]


@cache
def _statement(dialect: str, table: Table) -> Any:
    """The same object each time, so that it is compiled once."""
    return _insert(dialect, table).on_conflict_do_nothing().returning(*table.primary_key.columns)


@cache
def _replacing(dialect: str, table: Table, fields: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    values = {name: statement.excluded[name] for name in fields if name not in table.primary_key.columns}
    return statement.on_conflict_do_update(index_elements=[*table.primary_key.columns], set_=values)


@cache
def _adding(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    values = {name: table.c[name] + statement.excluded[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=[*table.primary_key.columns], set_=values)


def _insert(dialect: str, table: Table) -> Any:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
