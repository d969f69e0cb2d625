"""The audit chain in the database: whole after crowds and crashes, and what is tampered with is found."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import asdict, astuple
from sqlalchemy import delete, insert, select, update

from dynamic_api.app import connect
from dynamic_api.cli.audit import audit as audit_command
from dynamic_api.database import migrate
from dynamic_api.database.engine import Database, open_database
from dynamic_api.database.tables import audit_anchors, audit_events, audit_heads
from dynamic_api.server.data_folder import open_folder
from dynamic_api.services import audit, audit_seal
from dynamic_api.services.audit import Row
from dynamic_api.services.audit_seal import sealing
from dynamic_api.services.caller import Trace
from dynamic_api.settings import Settings
from dynamic_api.sx.audit_chain import canonical
from tests.databases import KINDS, new_url, postgres_url

__all__ = ["postgres_url"]

WRITER = """
import asyncio, sys
from dynamic_api.database.engine import open_database
from dynamic_api.services import audit
from dynamic_api.services.audit_seal import sealing
database = open_database(sys.argv[1], 4, sealing("crashing"))
async def write():
    number = 0
    while True:
        number += 1
        await asyncio.gather(*(
            database.write(lambda db, n=n: audit.record(db, "E", "t", now=number, target_name=str(n)))
            for n in range(8)
        ))
        print(number, flush=True)
asyncio.run(write())
"""


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_url(request.param, tmp_path, request)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = open_database(url, 4, sealing("one"))
    migrate.upgrade(made.engine)
    yield made
    made.close()


def problems(database: Database) -> list[str]:
    with database.engine.connect() as db:
        return [problem.code for problem in audit_seal.problems(db)]


async def crowd(database: Database, count: int) -> None:
    """Many at once, a third of them undone."""

    def work(db: object, number: int) -> None:
        audit.record(db, "EVENT", "thing", now=number, target_name=f"n{number}")  # type: ignore[arg-type]
        if number % 3 == 0:
            raise LookupError(number)

    jobs = [database.write(lambda db, n=n: work(db, n)) for n in range(count)]
    await asyncio.gather(*jobs, return_exceptions=True)


def test_a_crowd_leaves_one_whole_chain(database: Database) -> None:
    asyncio.run(crowd(database, 90))
    asyncio.run(database.write(lambda db: audit_seal.drop_anchor(db, 5)))
    asyncio.run(crowd(database, 30))
    assert problems(database) == []
    with database.engine.connect() as db:
        assert audit_seal.counted(db) == (80, 1)
    assert asyncio.run(database.write(lambda db: audit_seal.drop_anchor(db, 6))) is not None
    assert asyncio.run(database.write(lambda db: audit_seal.drop_anchor(db, 7))) is None


def test_rows_of_accesses_are_hashed_as_they_are_read_again(database: Database) -> None:
    """They are linked without a look at their values: whatever these are, and nobody's are among them."""
    odd = 'é "\\ \n\x7f\u2028 \U0001f600'
    trace = Trace(request_id=odd, address=odd, user_agent=odd, session_id=odd)
    rows = [
        audit.row(odd, odd, now=2**47, trace=trace, target_id=odd, target_name=odd, data={odd: [odd, None]}),
        audit.row("E", "t", now=-1),
    ]
    assert all(msgspec.json.encode(row) == canonical(asdict(row)) for row in rows)
    asyncio.run(database.write(lambda db: audit.record_all(db, rows)))
    asyncio.run(database.write(lambda db: audit.record_all(db, [])))
    assert problems(database) == []
    with database.engine.connect() as db:
        read = db.execute(select(*(AT[name] for name in Row.__struct_fields__)).order_by(AT.sequence)).all()
        assert [tuple(each) for each in read] == [astuple(row) for row in rows]
        assert audit_seal.counted(db) == (2, 0)


def test_two_processes_write_two_chains(url: str, database: Database) -> None:
    other = open_database(url, 4, sealing("two"))
    try:

        async def both() -> None:
            await asyncio.gather(crowd(database, 40), crowd(other, 40))

        asyncio.run(both())
    finally:
        other.close()
    assert problems(database) == []


EVENTS, AT = audit_events, audit_events.c
TAMPERED = [
    ("audit-row-changed", update(EVENTS).where(AT.sequence == 4).values(target_name="x")),
    ("audit-row-changed", update(EVENTS).where(AT.sequence == 4).values(at=9, sha256="0" * 64)),
    ("audit-sequence", delete(EVENTS).where(AT.sequence == 4)),
    ("audit-row-missing", delete(EVENTS).where(AT.sequence >= 8)),
    ("audit-row-loose", insert(EVENTS).values(id="f" * 32, at=1, event="E", target_type="t")),
    ("audit-anchor-changed", update(audit_anchors).values(heads='{"one":[10,"' + "0" * 64 + '"]}')),
]


@pytest.mark.parametrize(("code", "statement"), TAMPERED)
def test_what_is_tampered_with_is_found(database: Database, code: str, statement: object) -> None:
    asyncio.run(crowd(database, 15))
    asyncio.run(database.write(lambda db: audit_seal.drop_anchor(db, 5)))
    with database.engine.begin() as db:
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("BEGIN")
        db.execute(statement)  # type: ignore[call-overload]
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("COMMIT")
    assert code in problems(database)


def test_a_killed_process_leaves_a_whole_chain(url: str, database: Database) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 5:
                writer.kill()
                break
    assert problems(database) == []
    with database.engine.connect() as db:
        head = db.execute(select(audit_heads.c.sequence).where(audit_heads.c.writer == "crashing")).scalar()
    assert head is not None
    assert head >= 40
    asyncio.run(crowd(database, 6))
    assert problems(database) == []


def test_rows_of_an_older_release_are_linked_later(url: str, database: Database) -> None:
    older = open_database(url, 4)
    asyncio.run(
        older.write(lambda db: db.execute(insert(EVENTS), asdict(audit.row("OLD", "t", now=1))) and None)
    )
    older.close()
    assert problems(database) == ["audit-row-loose"]
    assert asyncio.run(database.write(lambda db: audit_seal.adopt(db, "one"))) == 1
    assert problems(database) == []


def test_the_command_proves_and_exports(tmp_path: Path) -> None:
    where = ["--data", str(tmp_path / "data")]
    connect(Settings(), open_folder(tmp_path / "data")).close()
    run = CliRunner()
    assert "whole: 0 rows" in run.invoke(audit_command, [*where, "verify"]).output
    assert run.invoke(audit_command, [*where, "list"]).output == "nothing has happened yet\n"
    database = open_database(f"sqlite:///{tmp_path / 'data/skillpress.db'}", 1, sealing("main"))
    asyncio.run(crowd(database, 6))
    listed = run.invoke(audit_command, [*where, "list", "--target", "n4"]).output.splitlines()
    assert listed[0].split() == ["time", "event", "actor", "target", "address"]
    assert [line.split()[-1] for line in listed[1:]] == ["n4"]
    told = json.loads(run.invoke(audit_command, [*where, "list", "--limit", "2", "--json"]).output)
    assert [each["target"].split()[-1] for each in told] == ["n5", "n4"]
    assert run.invoke(audit_command, [*where, "list", "--event", "NO"]).output == "no event fits\n"
    shown = run.invoke(audit_command, [*where, "export", "--target", "n4"])
    assert '"target_name":"n4"' in shown.output
    with database.engine.connect() as db:
        db.exec_driver_sql("UPDATE audit_events SET event = 'OTHER' WHERE sequence = 2")
    database.close()
    broken = run.invoke(audit_command, [*where, "verify"])
    assert "audit-row-changed" in broken.output
    assert broken.exit_code != 0
