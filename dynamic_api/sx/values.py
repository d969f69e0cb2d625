"""What a lock is resolved from: assets with their versions, installs, and who asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from dynamic_api.sx.version import Reading, read
from dynamic_api.sx.vocabulary import KINDS
from registry_builder.core.finding import Finding
from registry_builder.core.ledger import ACTIVE, DEPRECATED, QUARANTINED, REMOVED, SERVED, YANKED
from registry_builder.emit.sx_lock import Scope

STATES = (ACTIVE, DEPRECATED, YANKED, QUARANTINED, REMOVED)
ORGANIZATION, REPOSITORY, TEAM, USER, BOT = "ORGANIZATION", "REPOSITORY", "TEAM", "USER", "BOT"
_TYPES = frozenset(kind.lock for kind in KINDS)
_NAME = re.compile("[A-Za-z0-9_-]+")
_POSSIBLE = (*SERVED, YANKED)
ENTITIES = (ORGANIZATION, REPOSITORY, TEAM, USER, BOT)


class Version(Struct, frozen=True, kw_only=True, gc=False):
    """One version: `label` as clients see it, `ordinal` counts from 1 in the order of arrival."""

    label: str
    ordinal: int
    sha256: str
    size: int
    state: str = ACTIVE
    clients: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


class Asset(Struct, frozen=True, kw_only=True, gc=False):
    """An asset that the caller may see. `type` as locks spell it.

    Of several with one `name` the lowest `rank` is meant: own 0, team 1, shared 2, organisation 3,
    published 4 (DESIGN.md D9).
    """

    id: str
    name: str
    type: str
    versions: tuple[Version, ...]
    rank: int = 0


class Install(Struct, frozen=True, kw_only=True, gc=False):
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


Candidate = tuple[Reading, Version]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Assets by id, and by name in order of their rank. Built once, for many callers."""

    by_id: Mapping[str, Asset]
    by_name: Mapping[str, tuple[Asset, ...]]
    _ranked: dict[str, tuple[Candidate, ...]] = field(default_factory=dict, compare=False, repr=False)

    def ranked(self, asset: Asset) -> tuple[Candidate, ...]:
        """The versions of `asset` that may ever be had, best first; remembered.

        What is served comes before what is yanked, a release before a pre-release, then the newest. Versions
        that are quarantined, removed, or that sx would misread are not among them, nor is any of an asset
        whose name or type sx would refuse.
        """
        found = self._ranked.get(asset.id)
        if found is None:
            found = self._ranked[asset.id] = _ranked(asset)
        return found

    def shared_names(self) -> frozenset[str]:
        """Names that several of the assets have."""
        return frozenset(name for name, assets in self.by_name.items() if len(assets) > 1)


class Entry(Struct, frozen=True, gc=False):
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


def catalogue(assets: Iterable[Asset], ranked: dict[str, tuple[Candidate, ...]] | None = None) -> Catalogue:
    """`assets`, ready to be looked up. `ranked` is what other catalogues of the same assets remember."""
    by_id = {asset.id: asset for asset in assets}
    by_name: dict[str, tuple[Asset, ...]] = {}
    for asset in by_id.values():
        same = by_name.get(asset.name)
        by_name[asset.name] = (asset,) if same is None else tuple(sorted((*same, asset), key=_rank))
    return Catalogue(by_id, by_name, {} if ranked is None else ranked)


def lockable(asset: Asset) -> bool:
    """Whether sx would take a row with the name and type of `asset`."""
    return asset.type in _TYPES and _NAME.fullmatch(asset.name) is not None


def _ranked(asset: Asset) -> tuple[Candidate, ...]:
    if not lockable(asset):
        return ()
    candidates = [
        (reading, version)
        for version in asset.versions
        if version.state in _POSSIBLE and (reading := read(version.label)) is not None
    ]
    return tuple(sorted(candidates, key=_worth, reverse=True))


def _worth(candidate: Candidate) -> tuple[bool, int, Reading, int]:
    reading, version = candidate
    return version.state in SERVED, reading.last, reading, version.ordinal


def _rank(asset: Asset) -> tuple[int, str]:
    return asset.rank, asset.id
