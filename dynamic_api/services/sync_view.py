"""Both sides of a sync: what a machine says it has, and what its key sees; and where they differ (5.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol, TypeVar

from msgspec import Meta, Struct
from sqlalchemy import Connection

from dynamic_api.errors import Invalid
from dynamic_api.services import drive_list, visibility
from dynamic_api.services.caller import Caller
from dynamic_api.services.drive_list import Item
from dynamic_api.services.published import Published
from dynamic_api.services.sync_plan import Digest, Size, Slug
from registry_builder.core.ledger import QUARANTINED

MOST = 2_000
"""Skills in one call."""
_TO_BE_HAD = frozenset({"active", "deprecated", "yanked"})


class Known(Struct, frozen=True, forbid_unknown_fields=True):
    """A skill and the digest of its artifact."""

    slug: Slug
    content_sha: Digest


class Local(Struct, frozen=True, forbid_unknown_fields=True):
    """A skill of the machine, from its lockfile. `source` names where it is from: "skillzdrive:<slug>"."""

    slug: Slug
    content_sha: Digest
    size_bytes: Size
    source: Annotated[str, Meta(max_length=500)] = ""


class Divergent(Struct, frozen=True):
    """A skill that both have, with other bytes."""

    slug: str
    local_content_sha: str
    drive_content_sha: str


class Difference(Struct, frozen=True):
    """Where machine and drive differ."""

    local_only: tuple[Known, ...]
    drive_only: tuple[Known, ...]
    divergent: tuple[Divergent, ...]


class Hosted(Struct, frozen=True):
    """What a slug means for the key."""

    skill_id: str
    owner_id: str | None
    item: Item

    @property
    def sha256(self) -> str:
        return self.item.content_sha

    @property
    def withdrawn(self) -> str | None:
        """Why its bytes are taken back, if they are."""
        return (self.item.reason or QUARANTINED) if self.item.state == QUARANTINED else None

    @property
    def to_be_had(self) -> bool:
        """Whether a machine may get its bytes."""
        return self.item.enabled and self.item.state in _TO_BE_HAD


class _Named(Protocol):
    @property
    def slug(self) -> str: ...


T = TypeVar("T", bound=_Named)


def once(items: Sequence[T], place: str) -> Mapping[str, T]:
    """Slug → item. Raises Invalid for a slug that comes twice."""
    found: dict[str, T] = {}
    for number, item in enumerate(items):
        if found.setdefault(item.slug, item) is not item:
            raise Invalid(
                "validation_error",
                f"{item.slug} comes twice",
                place=f"{place}[{number}].slug",
                mend="name each skill once",
            )
    return found


def hosted_of(db: Connection, published: Published, caller: Caller) -> Mapping[str, Hosted]:
    """Slug → what it means, for everything that the key sees, toggled off or not."""
    seen = visibility.visible(db, caller, hidden=True)
    found: dict[str, Hosted] = {}
    for one, item in zip(seen, drive_list.items(seen, published), strict=True):
        found.setdefault(one.slug, Hosted(one.skill_id, one.owner_id, item))
    return found


def difference(db: Connection, published: Published, caller: Caller, local: Sequence[Known]) -> Difference:
    """What only one side has, and what differs. What is toggled off or not to be had is no difference."""
    machine, hosted = once(local, "local"), hosted_of(db, published, caller)
    shown = {slug: one for slug, one in sorted(hosted.items()) if one.to_be_had}
    return Difference(
        tuple(item for slug, item in sorted(machine.items()) if slug not in hosted),
        tuple(Known(slug, one.sha256) for slug, one in shown.items() if slug not in machine),
        tuple(
            Divergent(slug, machine[slug].content_sha, one.sha256)
            for slug, one in shown.items()
            if slug in machine and machine[slug].content_sha != one.sha256
        ),
    )
