"""Bring a database to the newest revision of its schema, or to any other.

Alembic takes 11 MB, so that it is loaded by who migrates something only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from dynamic_api.database.tables import metadata
from registry_builder.core.errors import Trouble

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "head"
PLACE = "data.database_url"
_SCRIPTS = Path(__file__).parent / "migrations"
_VERSION = "alembic_version"
"""The table in which Alembic keeps the revision."""
# Any number that nobody else uses: two workers that start together must not migrate together.
_LOCK = 0x534B5052


def upgrade(engine: Engine, revision: str = NEWEST) -> None:
    """Migrate up to `revision`, in one transaction; nothing is done for who is there. Raises Trouble."""
    if current(engine) == (newest() if revision == NEWEST else revision):
        _require_whole(engine, revision)
        return
    from alembic import command

    _run(engine, lambda config: command.upgrade(config, revision))


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down to `revision` ("base": nothing is left), in one transaction."""
    from alembic import command

    _run(engine, lambda config: command.downgrade(config, revision))


def revisions() -> list[str]:
    """Every revision, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def newest() -> str:
    """The newest revision: each file is named by its own, in their order."""
    return max(file.name.partition("_")[0] for file in (_SCRIPTS / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str | None:
    """The revision that a database has; None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
        return found.scalar_one_or_none()


def draft(engine: Engine, message: str, revision: str) -> None:
    """Write a new migration from what the tables have and the database at `engine` lacks (for developers)."""
    from alembic import command

    _run(engine, lambda config: command.revision(config, message, autogenerate=True, rev_id=revision))


def _require_whole(engine: Engine, revision: str) -> None:
    """Raise Trouble for a database that says it is at the newest revision, and lacks tables."""
    lacking = sorted(metadata.tables.keys() - set(inspect(engine).get_table_names()))
    if lacking and revision in {NEWEST, newest()}:
        message = f"says that its schema is {newest()}, but lacks the table {lacking[0]}"
        raise Trouble("database-incomplete", message, place=PLACE, mend="restore it from a back-up")


@contextmanager
def trouble_told() -> Iterator[None]:
    """Raise Trouble for a database that cannot be used, in a line for its operator."""
    try:
        yield
    except SQLAlchemyError as error:
        said = " ".join(str(getattr(error, "orig", None) or error).split())
        mend = "see that it runs, and that address and rights are right"
        raise Trouble("database-unavailable", f"cannot use it: {said}", place=PLACE, mend=mend) from error


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _run(engine: Engine, action: Callable[[Config], object]) -> None:
    from alembic.util import CommandError

    try:
        _locked(engine, action)
    except CommandError as error:
        mend = "start the version that migrated it, or restore the database from before"
        message = f"the schema is of another version: {error}"
        raise Trouble("database-newer", message, place=PLACE, mend=mend) from error


def _locked(engine: Engine, action: Callable[[Config], object]) -> None:
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        try:
            action(_config(connection))
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            # Half of it must not be found by who gets the connection next.
            connection.invalidate()
            raise
