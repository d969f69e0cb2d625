"""Insert what may be there already, on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_absent(db: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> int:
    """Insert `rows` but for those whose key is taken; gives how many went in. They have the same fields."""
    if not rows:
        return 0
    return len(db.execute(_statement(db.dialect.name, table), [dict(row) for row in rows]).all())


@cache
def _statement(dialect: str, table: Table) -> Any:
    """The same object each time, so that it is compiled once."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing().returning(table.primary_key.columns[0])
