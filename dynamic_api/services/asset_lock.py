"""The sx.lock of a caller: resolved from what is installed for them, and cheap to recognise again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from dynamic_api.database.tables import asset_stamps
from dynamic_api.services import asset_access, assets, reach
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.sx.dependency import read_dependency
from dynamic_api.sx.lock import lock
from dynamic_api.sx.resolve import resolve
from dynamic_api.sx.values import Asset, Catalogue, Resolution, catalogue
from registry_builder import __version__

CREATED_BY = f"skillpress/{__version__}"
_STAMP = select(asset_stamps.c.serial)


def stamp(db: Connection) -> int:
    """Changes with every change in the database that a lock may show."""
    return int(db.execute(_STAMP).scalar() or 0)


def body(db: Connection, published: Published, caller: Caller, origin: str) -> bytes:
    """The lock. Raises Unavailable while there is no view of the bucket."""
    had, resolution = _resolved(db, published, caller)
    return lock(resolution.entries, origin, CREATED_BY, exact=had.shared_names())


def resolved(db: Connection, published: Published, caller: Caller) -> Resolution:
    """The rows of the lock, and what had to be left out."""
    return _resolved(db, published, caller)[1]


def _resolved(db: Connection, published: Published, caller: Caller) -> tuple[Catalogue, Resolution]:
    installs = reach.installs(db, caller)
    found = assets.by_ids(db, published, sorted({install.asset for install in installs}))
    ranks = asset_access.ranks(db, caller, found)
    found = [each for each in found if each.id in ranks]
    more = _needed(db, published, caller, found)
    ranks |= asset_access.ranks(db, caller, more)
    had = catalogue(assets.as_asset(each, ranks[each.id]) for each in (*found, *more))
    return had, resolve(had, installs, reach.asking(db, caller))


def _needed(db: Connection, published: Published, caller: Caller, installed: Iterable[Found]) -> list[Found]:
    """Every asset that dependencies may name, however deep: one query for each depth."""
    known = {found.slug for found in installed}
    added: list[Found] = []
    fresh = list(installed)
    while names := _names(fresh) - known:
        fresh = assets.by_names(db, published, caller, names)
        known |= names
        added += fresh
    return added


def _names(found: Iterable[Found]) -> set[str]:
    texts = (text for each in found for kept in each.versions for text in kept.version.dependencies)
    return {needed.name for text in texts if (needed := read_dependency(text))}


__all__ = ["Asset", "body", "resolved", "stamp"]
