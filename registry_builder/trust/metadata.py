"""TUF metadata as this registry uses it: the roles, their names in the bucket, how long they hold.

Offline keys sign `root` and `targets`; `targets` delegates once, to the online role `releases`.
Source: DESIGN.md section 6, and the TUF specification 1.0, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import DelegatedRole, Delegations, Key, Metadata, Root, Snapshot, Targets, Timestamp

from registry_builder.core.errors import Foreign

ROOT = "root"
TARGETS = "targets"
RELEASES = "releases"
SNAPSHOT = "snapshot"
TIMESTAMP = "timestamp"
OFFLINE = (ROOT, TARGETS)
ONLINE = (RELEASES, SNAPSHOT, TIMESTAMP)
DELEGATED_PATHS = ("r/*", "revoked.json")
S = TypeVar("S", Root, Targets, Snapshot, Timestamp)
Days = Annotated[int, Meta(ge=1, le=3650)]


class Lifetimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days what a role signs holds."""

    root: Days = 365
    targets: Days = 365
    releases: Days = 30
    snapshot: Days = 30
    timestamp: Days = 1

    def of(self, role: str) -> timedelta:
        return timedelta(days=getattr(self, role))

    def until(self, role: str, now: datetime) -> datetime:
        """When that ends which `role` signs `now`."""
        return now.astimezone(UTC) + self.of(role)

    def is_ageing(self, role: str, expires: datetime, now: datetime) -> bool:
        """Whether less than half of its time is left."""
        return expires - now < self.of(role) / 2


@dataclass(frozen=True, slots=True)
class Held(Generic[S]):
    """One metadata file: its bytes as they are published, and what they say."""

    body: bytes
    metadata: Metadata[S]

    @property
    def signed(self) -> S:
        return self.metadata.signed

    @property
    def version(self) -> int:
        return self.metadata.signed.version


def metadata_key(role: str, version: int) -> str:
    """Where version `version` of `role` lives; only the timestamp has a name without a number."""
    return f"tuf/{version}.{role}.json"


def parse(body: bytes, form: type[S], place: str) -> Held[S]:
    """The metadata in `body`, its signatures not looked at. Raises Foreign."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(body)
    except RepositoryError as error:
        raise Foreign("unreadable", "is no TUF metadata", place=place) from error
    if metadata.signed.type != form.type:
        raise Foreign("wrong-role", f"is metadata of the role {metadata.signed.type}", place=place)
    return Held(body, metadata)


def is_signed_by(delegator: Root | Targets, role: str, held: Held[Any]) -> bool:
    """Whether enough keys of `role`, as `delegator` lists them, signed `held`."""
    try:
        result = delegator.get_verification_result(role, held.metadata.signed_bytes, held.metadata.signatures)
    except ValueError:
        return False
    return result.verified


def keyids_of(delegator: Root | Targets, role: str) -> list[str]:
    """The ids of the keys that `delegator` lists for `role`."""
    return list(delegator.get_delegated_role(role).keyids)


def threshold_of(delegator: Root | Targets, role: str) -> int:
    """How many of them have to sign."""
    return int(delegator.get_delegated_role(role).threshold)


def delegating(keys: Iterable[Key]) -> Delegations:
    """The one delegation of `targets`: to `releases`, for nothing but the paths that it may name."""
    by_id = {key.keyid: key for key in keys}
    role = DelegatedRole(RELEASES, list(by_id), 1, terminating=True, paths=list(DELEGATED_PATHS))
    return Delegations(by_id, {RELEASES: role})
