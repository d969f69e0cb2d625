"""`Database.stamp`: what is remembered by it is never older than the bound, whoever writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from dynamic_api.database.engine import STAMP_SECONDS, Database, open_database
from dynamic_api.errors import Unavailable
from dynamic_api.memory.memo import Memo
from tests.databases import KINDS, new_url, postgres_url

__all__ = ["postgres_url"]

ROUNDS = 40


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with one number in it, 0."""
    return _with_number(new_url(request.param, tmp_path, request))


@pytest.fixture
def server_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same, on PostgreSQL."""
    return _with_number(new_url("postgresql", tmp_path, request))


@pytest.fixture
def other(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection of somebody else."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


def _with_number(url: str) -> str:
    database = open_database(url)
    asyncio.run(database.write(lambda db: db.execute(text("CREATE TABLE t AS SELECT 0 AS n")) and None))
    database.close()
    return url


def run(url: str, test: Callable[[Database], Awaitable[None]]) -> None:
    """Run `test` on the database at `url`."""
    database = open_database(url)

    async def whole() -> None:
        await test(database)

    try:
        asyncio.run(whole())
    finally:
        database.close()


def number(db: Connection) -> int:
    return int(db.execute(text("SELECT n FROM t")).scalar_one())


def raise_it(db: Connection) -> int:
    db.execute(text("UPDATE t SET n = n + 1"))
    return number(db)


async def later_than_the_bound() -> None:
    await asyncio.sleep(STAMP_SECONDS * 1.01)


def test_own_write_changes_the_stamp_at_once(url: str) -> None:
    async def test(database: Database) -> None:
        seen = [await database.stamp()]
        for _ in range(ROUNDS):
            await database.write(raise_it)
            seen.append(await database.stamp())
        assert len(set(seen)) == len(seen)

    run(url, test)


def test_write_of_another_process_changes_the_stamp_within_the_bound(url: str) -> None:
    another = open_database(url)

    async def test(database: Database) -> None:
        seen = [await database.stamp()]
        for _ in range(ROUNDS):
            await another.write(raise_it)
            await later_than_the_bound()
            seen.append(await database.stamp())
        assert len(set(seen)) == len(seen)

    run(url, test)
    another.close()


def test_stamp_stays_while_nothing_is_written(url: str) -> None:
    async def test(database: Database) -> None:
        seen = set()
        for _ in range(5):
            seen.add(await database.stamp())
            await database.read(number)
            await later_than_the_bound()
        # PostgreSQL may clean up behind us: that is a transaction too.
        assert len(seen) < 4

    run(url, test)


def test_what_is_remembered_is_never_older_than_the_bound(url: str) -> None:
    """Many readers that remember by the stamp, while this process and another one write."""
    another = open_database(url)
    committed: list[tuple[float, int, bool]] = []
    answers: list[tuple[float, int]] = []
    memo: Memo[str, int] = Memo(1000)

    async def writer(database: Database, ours: bool) -> None:
        for _ in range(ROUNDS):
            value = await database.write(raise_it)
            committed.append((time.monotonic(), value, ours))
            await asyncio.sleep(STAMP_SECONDS * 0.4 if ours else 0)

    async def reader(database: Database, going: list[bool]) -> None:
        while going:
            called = time.monotonic()
            values = memo.at(await database.stamp())
            value = values.known.get("n")
            if value is None:
                value = await database.read(number)
                values.keep("n", value)
            answers.append((called, value))
            await asyncio.sleep(0)

    async def test(database: Database) -> None:
        going = [True]
        readers = [asyncio.create_task(reader(database, going)) for _ in range(20)]
        await asyncio.gather(writer(database, True), writer(another, False))
        going.clear()
        await asyncio.gather(*readers)

    run(url, test)
    another.close()
    assert len(committed) == 2 * ROUNDS
    for called, value in answers:
        due = [n for at, n, ours in committed if at < called - (0 if ours else STAMP_SECONDS)]
        assert value >= max(due, default=0)


def test_transaction_that_was_open_for_long_changes_the_stamp_when_it_commits(
    server_url: str, other: psycopg.Connection
) -> None:
    async def test(database: Database) -> None:
        with other.transaction():
            other.execute("UPDATE t SET n = 7")
            with other.transaction():
                # A transaction within one has a number of its own.
                other.execute("CREATE TABLE more (n INTEGER)")
            await later_than_the_bound()
            before = await database.stamp()
            assert await database.read(number) == 0
            with psycopg.connect(server_url, autocommit=True) as third:
                third.execute("CREATE TABLE third (n INTEGER)")
            await later_than_the_bound()
            between = await database.stamp()
        await later_than_the_bound()
        after = await database.stamp()
        assert len({before, between, after}) == 3
        assert await database.read(number) == 7

    run(server_url, test)


def test_transaction_that_was_undone_does_no_harm(server_url: str, other: psycopg.Connection) -> None:
    async def test(database: Database) -> None:
        other.execute("BEGIN")
        other.execute("UPDATE t SET n = 7")
        await database.stamp()
        other.execute("ROLLBACK")
        await later_than_the_bound()
        undone = await database.stamp()
        assert await database.read(number) == 0
        other.execute("UPDATE t SET n = 8")
        await later_than_the_bound()
        assert await database.stamp() != undone

    run(server_url, test)


def end_all_others(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_connection_that_was_ended_is_made_again_and_counts_as_a_change(
    server_url: str, other: psycopg.Connection
) -> None:
    async def test(database: Database) -> None:
        seen = [await database.stamp()]
        for _ in range(3):
            end_all_others(other)
            await later_than_the_bound()
            seen.append(await database.stamp())
        assert len(set(seen)) == 4

    run(server_url, test)


def test_database_that_is_away_is_unavailable_until_it_is_back(
    server_url: str, postgres_url: str, other: psycopg.Connection
) -> None:
    name = other.info.dbname

    async def refused(database: Database) -> None:
        with pytest.raises(Unavailable) as caught:
            await database.stamp()
        assert caught.value.code == "database_unavailable"
        assert isinstance(caught.value.__cause__, psycopg.OperationalError)

    async def test(database: Database) -> None:
        await database.stamp()
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
            end_all_others(other)
            await later_than_the_bound()
            await asyncio.gather(*(refused(database) for _ in range(3)))
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        assert await database.stamp()

    run(server_url, test)


def test_callers_at_once_share_one_query(server_url: str) -> None:
    async def test(database: Database) -> None:
        callers = [asyncio.create_task(database.stamp()) for _ in range(100)]
        await asyncio.sleep(0)
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        assert names.count("Snapshots._query") == 1
        assert len(set(await asyncio.gather(*callers))) == 1

    run(server_url, test)


async def stays_at_hand(database: Database) -> bool:
    """Whether a stamp was at hand at each look for twice as long as one is believed."""
    await database.stamp()
    until = time.monotonic() + 2 * STAMP_SECONDS
    while database.stamp_at_hand() is not None:
        if time.monotonic() > until:
            return True
        await asyncio.sleep(0)
    return False


def test_stamp_that_is_looked_at_is_asked_for_before_it_is_too_old(url: str) -> None:
    async def test(database: Database) -> None:
        # On a busy machine a whole bound may pass between two looks; not each time.
        assert any([await stays_at_hand(database) for _ in range(100)])

    run(url, test)


def test_own_write_is_not_at_hand_as_it_was(url: str) -> None:
    async def test(database: Database) -> None:
        for _ in range(ROUNDS):
            stamp = await database.stamp()
            await database.write(raise_it)
            assert database.stamp_at_hand() != stamp

    run(url, test)


def test_stamp_that_is_too_old_is_not_at_hand(server_url: str) -> None:
    async def test(database: Database) -> None:
        await database.stamp()
        await later_than_the_bound()
        assert database.stamp_at_hand() is None
        soon = database.stamp_soon()
        assert soon is database.stamp_soon(), "one question for all who wait"
        assert soon is not None
        await soon
        assert database.stamp_at_hand() == await database.stamp()

    run(server_url, test)


def test_caller_that_gives_up_takes_the_answer_from_nobody(server_url: str) -> None:
    async def test(database: Database) -> None:
        first, second = (asyncio.create_task(database.stamp()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second

    run(server_url, test)
