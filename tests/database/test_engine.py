"""`Database` on both: transactions, failures alone, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

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


@pytest.mark.parametrize(
    "missing", ["SELECT * FROM absent", "SELECT absent FROM t", "INSERT INTO t (x) VALUES (1)"]
)
def test_what_the_schema_lacks_is_told_apart(database: Database, missing: str) -> None:
    for way in (database.read, database.write):
        with pytest.raises(Unavailable) as told:
            asyncio.run(way(lambda db: db.execute(text(missing))))
        assert told.value.code == "database_schema"
    assert asyncio.run(database.read(numbers)) == []


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


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, psycopg.Connection]]:
    """A database on PostgreSQL with a table t, and somebody else's connection to it."""
    url = new_url("postgresql", tmp_path, request)
    made = open_database(url, pool_size=2)
    asyncio.run(made.write(lambda db: db.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))))
    with psycopg.connect(url, autocommit=True) as other:
        yield made, other
    made.close()


def cut(other: psycopg.Connection) -> None:
    """End every connection but this one, as an administrator or a restart would."""
    other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_cut_of_an_idle_connection_is_not_noticed(
    server: tuple[Database, psycopg.Connection],
) -> None:
    database, other = server
    for number in range(3):
        cut(other)
        assert asyncio.run(database.read(numbers)) == list(range(number))
        cut(other)
        assert asyncio.run(database.write(lambda db, n=number: add(db, n))) == number


def test_write_that_is_cut_before_its_commit_counts_once(
    server: tuple[Database, psycopg.Connection],
) -> None:
    database, other = server
    tries: list[int] = []

    def work(db: Connection) -> int:
        add(db, 7)
        tries.append(1)
        if len(tries) == 1:
            cut(other)
        return len(numbers(db))

    assert asyncio.run(database.write(work)) == 1
    assert len(tries) == 2
    assert asyncio.run(database.read(numbers)) == [7]


def test_write_that_is_cut_at_its_commit_is_not_repeated(
    server: tuple[Database, psycopg.Connection],
) -> None:
    """Nobody knows whether it counts: the caller hears that, and asks."""
    database, other = server
    tries: list[int] = []

    def work(db: Connection) -> None:
        add(db, 7)
        tries.append(1)
        # What was sent last is the insert: the next thing that is, is COMMIT.
        cut(other)

    with pytest.raises(Unavailable):
        asyncio.run(database.write(work))
    assert len(tries) == 1
    assert asyncio.run(database.read(numbers)) == []


def test_work_that_fails_leaves_no_transaction_open(server: tuple[Database, psycopg.Connection]) -> None:
    database, other = server
    for number in range(5):
        with pytest.raises(LookupError):
            asyncio.run(database.write(lambda db, n=number: fail(db, n)))
        with pytest.raises(ProgrammingError):
            asyncio.run(database.write(lambda db: db.execute(text("SELECT FROM WHERE"))))
        with pytest.raises(ProgrammingError):
            asyncio.run(database.read(lambda db: db.execute(text("SELECT FROM WHERE"))))
    states = other.execute("SELECT state FROM pg_stat_activity WHERE datname = current_database()")
    assert "transaction" not in str(states.fetchall())
    assert asyncio.run(database.read(numbers)) == []


@pytest.mark.parametrize("waits_for", ["a lock", "the writer"])
def test_work_that_would_wait_for_another_goes_alone(
    server: tuple[Database, psycopg.Connection], waits_for: str
) -> None:
    """PostgreSQL: neither somebody's lock nor somebody's slow work keeps the neighbours."""
    database, other = server
    asyncio.run(database.write(lambda db: add(db, 1)))
    own = "SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    pids: list[int] = []

    def slow(db: Connection) -> None:
        pids.append(db.execute(text(own)).scalar_one())
        if waits_for == "the writer":
            db.execute(text("SELECT pg_sleep(0.5)"))
        else:
            db.execute(text("SELECT n FROM t WHERE n = 1 FOR UPDATE")).all()

    async def both() -> None:
        with other.transaction():
            other.execute("SELECT n FROM t WHERE n = 1 FOR UPDATE")
            blocked = asyncio.create_task(database.write(slow))
            await asyncio.sleep(0)
            assert await asyncio.wait_for(database.write(lambda db: add(db, 2)), 5) == 2
        await blocked

    asyncio.run(both())
    assert asyncio.run(database.read(numbers)) == [1, 2]
    assert len(set(pids)) == (1 if waits_for == "the writer" else 2)
