"""Rows that a transaction writes at its end, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from dynamic_api.database import at_end
from dynamic_api.database.engine import Database, open_database
from tests.databases import KINDS, new_url, postgres_url

__all__ = ["postgres_url"]


def write_all(db: Connection) -> None:
    for row in at_end.take(db, "number"):
        db.execute(text("INSERT INTO t VALUES (:n)"), {"n": row})


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = open_database(new_url(request.param, tmp_path, request), 2, write_all)
    asyncio.run(made.write(lambda db: db.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")) and None))
    yield made
    made.close()


def numbers(database: Database) -> list[int]:
    return list(
        asyncio.run(database.read(lambda db: db.execute(text("SELECT n FROM t ORDER BY n")).scalars().all()))
    )


def work(db: Connection, number: int) -> None:
    """Adds a number, another in a savepoint that is undone, and fails for every third."""
    at_end.add(db, "number", number)
    with suppress(ArithmeticError), db.begin_nested():
        at_end.add(db, "number", number + 1000)
        raise ArithmeticError
    with db.begin_nested():
        at_end.add(db, "number", number + 100)
    if number % 3 == 0:
        raise LookupError(number)


def test_what_is_undone_is_not_written(database: Database) -> None:
    async def many() -> None:
        jobs = [database.write(lambda db, n=n: work(db, n)) for n in range(20)]
        await asyncio.gather(*jobs, return_exceptions=True)

    asyncio.run(many())
    good = [n for n in range(20) if n % 3]
    assert numbers(database) == good + [n + 100 for n in good]


def test_row_that_nobody_writes_is_no_commit(database: Database) -> None:
    def lost(db: Connection) -> None:
        db.execute(text("INSERT INTO t VALUES (7)"))
        at_end.add(db, "other", 1)

    with pytest.raises(AssertionError, match="other"):
        asyncio.run(database.write(lost))
    assert numbers(database) == []
    asyncio.run(database.write(lambda db: at_end.add(db, "number", 8)))
    assert numbers(database) == [8]
