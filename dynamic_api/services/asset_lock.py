"""The sx.lock of a caller: resolved from what is installed for them, and cheap to recognise again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, select

from dynamic_api.database.tables import asset_stamps
from dynamic_api.database.tables.assets import LOCKS
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.services import asset_access, assets, reach
from dynamic_api.services.assets import OFFERED, ORGANISED, OWN, Found
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.services.reach import Own
from dynamic_api.sx.dependency import read_dependency
from dynamic_api.sx.lock import rows
from dynamic_api.sx.resolve import resolve
from dynamic_api.sx.values import (
    ORGANIZATION,
    REPOSITORY,
    Asset,
    Candidate,
    Catalogue,
    Install,
    Resolution,
    catalogue,
)
from dynamic_api.sx.values import Caller as Asking
from registry_builder import __version__
from registry_builder.emit.sx_lock import joined

CREATED_BY = f"skillpress/{__version__}"
_STAMP = select(asset_stamps.c.serial).where(asset_stamps.c.id == LOCKS)
_OPEN = {ORGANISATION: ORGANISED, PUBLISHED: OFFERED}
"""Namespaces that are open to everybody, with the rank of what is in them."""


class Known(Struct, frozen=True, gc=False):
    """An asset as everybody sees it, or who owns the private `namespace` that it is in."""

    id: str
    namespace: str
    asset: Asset
    has_needs: bool


@dataclass(frozen=True, slots=True)
class Common:
    """What the organisation has for everybody: ids, name → row; no rows where these depend on who asks."""

    ids: frozenset[str]
    rows: dict[str, str] | None


@dataclass(slots=True)
class Parts:
    """What locks on one `origin` have in common, for as long as nothing changes that a lock may show.

    `installs` by ORGANIZATION, REPOSITORY and the ids of teams; `assets` by id, None for what is not there;
    `texts` are rows as they are written, and `common` is made by the first lock. Who may have an asset is not
    in it: that is asked for each caller.
    """

    origin: str
    installs: dict[str, tuple[Install, ...]] = field(default_factory=dict)
    assets: dict[str, Known | None] = field(default_factory=dict)
    ranked: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    texts: dict[Hashable, str] = field(default_factory=dict)
    common: Common | None = None


def stamp(db: Connection) -> int:
    """Changes with every change in the database that a lock may show."""
    return int(db.execute(_STAMP).scalar() or 0)


def bodies(db: Connection, published: Published, callers: Sequence[Caller], parts: Parts) -> list[bytes]:
    """The locks of `callers`, in a few queries for all.

    Raises Unavailable while there is no view of the bucket.
    """
    own = reach.own(db, callers)
    _read_shared(db, [each.asking for each in own.values()], parts)
    own = {
        name: each._replace(installs=[*each.installs, *_among_others(each.asking, parts)])
        for name, each in own.items()
    }
    ids = {install.asset for each in own.values() for install in each.installs}
    _known(db, published, ids - _common(db, published, parts).ids, parts)
    return [_body(db, published, caller, own[caller.user_id], parts) for caller in callers]


def _body(db: Connection, published: Published, caller: Caller, own: Own, parts: Parts) -> bytes:
    asking, installs = own
    common = _common(db, published, parts)
    if common.rows is not None and asking.profile is None:
        more = [each for each in installs if each.asset not in common.ids]
        known = _had(db, caller, _known(db, published, {install.asset for install in more}, parts))
        if not any(each.has_needs or asset.name in common.rows for each, asset in known):
            had = catalogue([asset for _, asset in known], parts.ranked)
            few = resolve(had, more, asking).entries
            texts = common.rows | rows(few, parts.origin, had.shared_names(), parts.texts)
            return joined([texts[name] for name in sorted(texts)], CREATED_BY)
    everything = own._replace(installs=[*installs, *parts.installs[ORGANIZATION]])
    had, resolution = _resolved(db, published, caller, everything, parts)
    texts = rows(resolution.entries, parts.origin, had.shared_names(), parts.texts)
    return joined(texts.values(), CREATED_BY)


def resolved(db: Connection, published: Published, caller: Caller) -> tuple[Catalogue, Resolution]:
    """What there was to choose from; and the rows of the lock, with what had to be left out."""
    parts = Parts("")
    asking, own = reach.own(db, [caller])[caller.user_id]
    _read_shared(db, [asking], parts)
    installs = [*own, *_among_others(asking, parts), *parts.installs[ORGANIZATION]]
    return _resolved(db, published, caller, Own(asking, installs), parts)


def _resolved(
    db: Connection, published: Published, caller: Caller, own: Own, parts: Parts
) -> tuple[Catalogue, Resolution]:
    known = _had(db, caller, _known(db, published, {install.asset for install in own.installs}, parts))
    found = [asset for _, asset in known]
    if fresh := [asset for each, asset in known if each.has_needs]:
        found += _needed(db, published, caller, {asset.name for asset in found}, fresh)
    had = catalogue(found, parts.ranked)
    return had, resolve(had, own.installs, own.asking)


def _common(db: Connection, published: Published, parts: Parts) -> Common:
    """Made once. Without dependencies rows know nothing of each other, and others can stand beside them."""
    if parts.common is None:
        installs = parts.installs[ORGANIZATION]
        known = _known(db, published, {install.asset for install in installs}, parts)
        made = None
        if all(each.namespace in _OPEN and not each.has_needs for each in known):
            had = catalogue([each.asset for each in known], parts.ranked)
            entries = resolve(had, installs, Asking(id="")).entries
            made = rows(entries, parts.origin, had.shared_names(), parts.texts)
            if len(made) < len(had.by_name):
                made = None  # what has no version to be had keeps its name from others all the same
        parts.common = Common(frozenset(each.id for each in known), made)
    return parts.common


def _few(asking: Asking) -> list[str]:
    """Where else installs for the caller among others are."""
    return [*(() if asking.is_bot else (REPOSITORY,)), *asking.teams]


def _among_others(asking: Asking, parts: Parts) -> list[Install]:
    return [each for name in _few(asking) for each in parts.installs[name]]


def _read_shared(db: Connection, asking: Iterable[Asking], parts: Parts) -> None:
    names = {ORGANIZATION, *(name for each in asking for name in _few(each))}
    if missing := sorted(names - parts.installs.keys()):
        parts.installs.update(reach.shared(db, missing))


def _known(db: Connection, published: Published, ids: Iterable[str], parts: Parts) -> list[Known]:
    """The assets with these ids that there are."""
    known, wanted = parts.assets, list(ids)
    if missing := [each for each in wanted if each not in known]:
        fresh = {found.id: found for found in assets.by_ids(db, published, missing)}
        known.update({each: _as_known(fresh[each]) if each in fresh else None for each in missing})
    return [each for each in map(known.__getitem__, wanted) if each is not None]


def _as_known(found: Found) -> Known:
    asset = assets.as_asset(found, _OPEN.get(found.namespace, OWN))
    has_needs = any(version.dependencies for version in asset.versions)
    return Known(found.id, found.namespace, asset, has_needs)


def _had(db: Connection, caller: Caller, known: Sequence[Known]) -> list[tuple[Known, Asset]]:
    """Those that the caller may have, at the rank that they have for the caller."""
    open_to = {*_OPEN, caller.user_id}
    others = [each for each in known if each.namespace not in open_to]
    had = [(each, each.asset) for each in known if each.namespace in open_to]
    if others:
        ranks = asset_access.ranks(db, caller, others)
        had += [(each, replace(each.asset, rank=ranks[each.id])) for each in others if each.id in ranks]
    return had


def _needed(
    db: Connection, published: Published, caller: Caller, known: set[str], fresh: Sequence[Asset]
) -> list[Asset]:
    """Every asset that dependencies of `fresh` may name, however deep: a few queries for each depth."""
    added: list[Asset] = []
    while names := _names(fresh) - known:
        found = assets.by_names(db, published, caller, names)
        ranks = asset_access.ranks(db, caller, found)
        fresh = [assets.as_asset(each, ranks[each.id]) for each in found]
        known |= names
        added += fresh
    return added


def _names(found: Iterable[Asset]) -> set[str]:
    texts = (text for each in found for version in each.versions for text in version.dependencies)
    return {needed.name for text in texts if (needed := read_dependency(text))}
