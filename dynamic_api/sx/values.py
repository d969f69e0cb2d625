"""What a lock is resolved from: assets with their versions, installs, and who asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from registry_builder.core.finding import Finding
from registry_builder.core.ledger import ACTIVE, DEPRECATED, QUARANTINED, REMOVED, YANKED
from registry_builder.emit.sx_lock import Scope

STATES = (ACTIVE, DEPRECATED, YANKED, QUARANTINED, REMOVED)
ORGANIZATION, REPOSITORY, TEAM, USER, BOT = "ORGANIZATION", "REPOSITORY", "TEAM", "USER", "BOT"
ENTITIES = (ORGANIZATION, REPOSITORY, TEAM, USER, BOT)


class Version(Struct, frozen=True, kw_only=True):
    """One version: `label` as clients see it, `ordinal` counts from 1 in the order of arrival."""

    label: str
    ordinal: int
    sha256: str
    size: int
    state: str = ACTIVE
    clients: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


class Asset(Struct, frozen=True, kw_only=True):
    """An asset that the caller may see. `type` as locks spell it.

    Of several with one `name` the lowest `rank` is meant: own 0, team 1, shared 2, organisation 3,
    published 4 (DESIGN.md D9).
    """

    id: str
    name: str
    type: str
    versions: tuple[Version, ...]
    rank: int = 0


class Install(Struct, frozen=True, kw_only=True):
    """An asset is meant for an entity. A REPOSITORY has its `url`, and with `paths` only folders in it."""

    asset: str
    entity_type: str
    entity_id: str = ""
    url: str = ""
    paths: tuple[str, ...] = ()
    via_collection: str | None = None


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: a user or a bot, with team → URLs of the team's repositories.

    `repositories` are the ids of those that a user works on; None stands for all. `profile` are the ids of
    the assets in the active profile, None when none is active.
    """

    id: str
    is_bot: bool = False
    teams: Mapping[str, tuple[str, ...]] = {}
    repositories: frozenset[str] | None = None
    profile: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Assets by id, and by name in order of their rank. Built once, for many callers."""

    by_id: Mapping[str, Asset]
    by_name: Mapping[str, tuple[Asset, ...]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a lock, before it has a URL. `dependencies` name other rows; no `scopes` means everywhere."""

    asset: Asset
    version: Version
    dependencies: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The rows of a lock, by name, and what had to be left out of it."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = field(default=())


def catalogue(assets: Iterable[Asset]) -> Catalogue:
    """`assets`, ready to be looked up."""
    by_id = {asset.id: asset for asset in assets}
    names: defaultdict[str, list[Asset]] = defaultdict(list)
    for asset in by_id.values():
        names[asset.name].append(asset)
    return Catalogue(by_id, {name: tuple(sorted(same, key=_rank)) for name, same in names.items()})


def _rank(asset: Asset) -> tuple[int, str]:
    return asset.rank, asset.id
