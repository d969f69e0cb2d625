"""The schema: migrations up and down, from empty and from each revision with rows, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.engine import make_url

from dynamic_api.database import migrate
from dynamic_api.database.postgresql import postgresql_engine
from dynamic_api.database.sqlite import sqlite_engine
from dynamic_api.database.tables import metadata
from tests.databases import KINDS, new_url, postgres_url

__all__ = ["postgres_url"]
REVISIONS = migrate.revisions()


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = make_url(new_url(request.param, tmp_path, request))
    if request.param == "sqlite":
        made = sqlite_engine(url)
    else:
        made = postgresql_engine(url.set(drivername="postgresql+psycopg"), 1)
    yield made
    made.dispose()


def test_migrated_schema_is_that_of_the_tables(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_with_rows_goes_up_and_down(engine: Engine, revision: str) -> None:
    migrate.upgrade(engine, revision)
    with engine.begin() as connection:
        fill(connection)
    before = rows(engine)
    migrate.upgrade(engine)
    assert migrate.current(engine) == REVISIONS[-1]
    after = rows(engine)
    assert {name: shared(after[name], found) for name, found in before.items()} == before
    migrate.downgrade(engine, revision)
    assert migrate.current(engine) == revision
    assert rows(engine) == before


def test_downgrade_to_base_leaves_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    migrate.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}


def test_upgrade_of_the_newest_changes_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    migrate.upgrade(engine)
    assert migrate.current(engine) == REVISIONS[-1]


def fill(connection: Connection) -> None:
    """One row in each table, with every column that has no default of its own."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    present = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table.name in present:
            known = {column["name"] for column in inspect(connection).get_columns(table.name)}
            values = {
                column.name: sample(column)
                for column in table.columns
                if column.name in known and (not column.nullable or column.foreign_keys)
            }
            connection.execute(insert(table), values)


def sample(column: object) -> object:
    """A value that fits; ids are alike in all tables, so that references hold."""
    kind = column.type.python_type.__name__  # type: ignore[attr-defined]
    if kind == "str":
        return "a" * min(1, column.type.length or 1)  # type: ignore[attr-defined]
    if kind == "date":
        return date(2026, 11, 28)
    return {"int": 7, "bool": True, "bytes": b"x"}[kind]


def shared(after: list[dict[str, object]], before: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows without the columns that they did not have before."""
    return [
        {name: value for name, value in row.items() if name in was}
        for row, was in zip(after, before, strict=True)
    ]


def rows(engine: Engine) -> dict[str, list[dict[str, object]]]:
    """Table → its rows, as far as the database has it."""
    with engine.connect() as connection:
        present = set(inspect(connection).get_table_names())
        tables = [table for table in metadata.sorted_tables if table.name in present]
        found = {}
        for table in tables:
            known = {column["name"] for column in inspect(connection).get_columns(table.name)}
            columns = [column for column in table.columns if column.name in known]
            found[table.name] = [dict(row._mapping) for row in connection.execute(select(*columns))]
        return found


def test_newest_is_known_without_alembic() -> None:
    """Each file is named by its revision: a start that has nothing to migrate reads only the names."""
    assert migrate.newest() == REVISIONS[-1]
