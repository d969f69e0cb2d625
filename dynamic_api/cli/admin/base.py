"""What the commands share: the database they work on, one transaction each, text or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from dynamic_api import clock
from dynamic_api.cli.serve import DATA
from dynamic_api.errors import Refusal as ApiRefusal
from registry_builder.core.errors import Unfit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.database.engine import Database
    from dynamic_api.settings import Settings

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

MOST = 1_000_000_000
"""The largest number that a command takes."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is: kept on click's context by the group."""

    data: Path
    settings_file: Path | None


def database_options(function: Callable[..., None]) -> Callable[..., None]:
    """--data and --settings, as `serve` has them."""

    @click.option(
        "--data",
        default=DATA,
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="The API's data directory.",
    )
    @click.option(
        "--settings",
        "settings_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML file with the API's settings.",
    )
    @click.pass_context
    def wrapped(ctx: click.Context, data: Path, settings_file: Path | None) -> None:
        ctx.obj = Place(data, settings_file)
        function()

    wrapped.__doc__ = function.__doc__
    wrapped.__name__ = function.__name__
    return wrapped


def place() -> Place:
    """What the group was given."""
    found = click.get_current_context().find_object(Place)
    if found is None:
        raise AssertionError("the group keeps the place")
    return found


def observe(work: Callable[[Connection], T]) -> T:
    """What `work` gives; it only reads, and keeps nobody waiting. Raises the builder's Refusal."""
    database, _ = _opened()
    with closing(database), _told():
        return asyncio.run(database.read(work))


def stored(sha256: str) -> bytes:
    """The private bytes with this digest. Raises the builder's Refusal."""
    from dynamic_api.private_store import open_private_store
    from dynamic_api.server.data_folder import PRIVATE, found_folder
    from dynamic_api.settings import load

    settings = load(place().settings_file)
    folder = found_folder(place().data, None if settings.data.private_store else PRIVATE)
    with _told():
        return open_private_store(settings.data.private_store or str(folder.path / PRIVATE)).get(sha256)


def transact(work: Callable[[Connection, Settings, int], T]) -> T:
    """What `work` gives, in one transaction. Raises the builder's Refusal, which has the exit code."""
    database, settings = _opened()
    with closing(database), _told():
        return asyncio.run(database.write(lambda db: work(db, settings, clock.now())))


def _opened() -> tuple[Database, Settings]:
    """The database of a server that was started once; a mistyped --data makes none."""
    from dynamic_api.app import connect
    from dynamic_api.server.data_folder import DATABASE, found_folder
    from dynamic_api.settings import load

    settings = load(place().settings_file)
    folder = found_folder(place().data, None if settings.data.database_url else DATABASE)
    return connect(settings, folder), settings


@contextmanager
def _told() -> Iterator[None]:
    """Raise the API's refusals, and what cannot be kept, as the builder's."""
    try:
        yield
    except ApiRefusal as refusal:
        mend = refusal.mend or (f"did you mean {refusal.suggestions[0]}?" if refusal.suggestions else "")
        raise Unfit(refusal.code, refusal.message, place=refusal.place or "", mend=mend) from refusal
    except UnicodeEncodeError as error:
        raise Unfit("not-text", "an argument is not UTF-8", mend="type it in UTF-8") from error


def show(value: object, as_json: bool, text: str) -> None:
    """Print `value` as JSON, or `text`."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if as_json else text)


def show_rows(rows: Sequence[Any], as_json: bool, columns: Sequence[str], empty: str) -> None:
    """Print Structs as JSON, or as a table of some of their fields; `empty` when there are none."""
    if as_json or not rows:
        show(rows, as_json, empty)
        return
    table = [list(columns), *([_cell(getattr(row, name)) for name in columns] for row in rows)]
    widths = [max(len(line[number]) for line in table) for number in range(len(columns))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
