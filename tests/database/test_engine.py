"""`Database` on both: transactions, failures alone, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from dynamic_api.database.engine import Database, open_database
from dynamic_api.errors import Unavailable
from tests.databases import KINDS, new_url, postgres_url

__all__ = ["postgres_url"]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = open_database(new_url(request.param, tmp_path, request))
    asyncio.run(made.write(lambda db: db.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))))
    yield made
    made.close()


def add(db: Connection, number: int) -> int:
    db.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
    return number


def fail(db: Connection, number: int) -> int:
    add(db, number)
    raise LookupError(number)


def numbers(db: Connection) -> list[int]:
    return list(db.execute(text("SELECT n FROM t ORDER BY n")).scalars())


async def many(database: Database) -> list[object]:
    work = [database.write(lambda db, n=n: (fail if n % 3 == 0 else add)(db, n)) for n in range(60)]
    return await asyncio.gather(*work, return_exceptions=True)


def test_what_fails_is_undone_alone(database: Database) -> None:
    answers = asyncio.run(many(database))
    good = [n for n in range(60) if n % 3]
    assert [answer for answer in answers if isinstance(answer, int)] == good
    assert sum(isinstance(answer, LookupError) for answer in answers) == 20
    assert asyncio.run(database.read(numbers)) == good


def test_what_was_written_is_read(database: Database) -> None:
    assert asyncio.run(database.write(lambda db: add(db, 5))) == 5
    assert asyncio.run(database.read(numbers)) == [5]


def test_before_commit_runs_in_the_same_transaction(tmp_path: Path) -> None:
    made = open_database(f"sqlite:///{tmp_path / 'x.db'}", before_commit=lambda db: add(db, 99) and None)
    with made.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    assert asyncio.run(made.write(lambda db: add(db, 1))) == 1
    assert asyncio.run(made.read(numbers)) == [1, 99]
    made.close()


def test_file_that_was_moved_takes_nothing_until_it_is_back(tmp_path: Path) -> None:
    """What is written to a file without a name is lost with the process."""
    path, away = tmp_path / "x.db", tmp_path / "away.db"
    made = open_database(f"sqlite:///{path}")
    asyncio.run(made.write(lambda db: db.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")) and None))
    path.rename(away)
    for replaced in (False, True):
        if replaced:
            path.write_bytes(b"")
        for call in (made.write(lambda db: add(db, 1)), made.read(numbers)):
            with pytest.raises(Unavailable) as refused:
                asyncio.run(call)
            assert refused.value.code == "database_unavailable"
    away.replace(path)
    assert asyncio.run(made.write(lambda db: add(db, 2))) == 2
    assert asyncio.run(made.read(numbers)) == [2]
    made.close()
