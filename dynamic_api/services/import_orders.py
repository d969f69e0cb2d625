"""What is meant by the one field of an import, made ready for its transaction."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from dynamic_api.database.engine import Database
from dynamic_api.outbound.github_url import is_github_url
from dynamic_api.services import github_imports, imports
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.github_imports import Workshop
from dynamic_api.services.imports import Imported
from dynamic_api.services.published import Published
from dynamic_api.settings import Credits


class Order(Protocol):
    """Pays and places: the import, and whether anything is new."""

    def __call__(
        self, db: Connection, caller: Caller, *, prices: Credits, now: int, trace: Trace
    ) -> tuple[Imported, bool]: ...


async def prepare(database: Database, published: Published, workshop: Workshop, text: str) -> Order:
    """A slug is looked up, the address of a folder on GitHub is fetched. Raises Refusal."""
    if is_github_url(text):
        return partial(github_imports.keep, reading=await github_imports.fetch(workshop, text))
    record = await imports.look_up(database, published, text)
    return partial(imports.take, published=published, slug=text, record=record)
