"""Collections as they are asked for and shown."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType


class Collection(Struct, frozen=True, rename="camel", kw_only=True):
    """A collection without its key. `skillCount` is "all" for a whole drive; `notice` says what is wrong."""

    name: str
    scope: str
    skill_count: int | str
    include_team_skills: bool
    include_shared_skills: bool
    is_public_marketplace: bool
    enabled: bool
    key_prefix: str
    created_at: str
    notice: str | None = None


class Collections(Struct, frozen=True):
    """All of an account, by name."""

    collections: tuple[Collection, ...]


class Changed(Struct, frozen=True):
    """A collection as it is now."""

    collection: Collection


class Created(Struct, frozen=True):
    """A new collection, and its key, which is never shown again."""

    collection: Collection
    api_key: str


class Deleted(Struct, frozen=True):
    """A collection that is gone; its key is revoked."""

    name: str
    deleted: bool = True


class Membership(Struct, frozen=True, rename="camel"):
    """A skill and a collection. status: added, already_there or removed."""

    name: str
    skill_slug: str
    status: str


class New(Struct, frozen=True, kw_only=True):
    """What a collection is made of. `slugs` None: the whole drive."""

    name: str
    slugs: Sequence[str] | None
    include_team: bool = True
    include_shared: bool = True


class Change(Struct, frozen=True, kw_only=True):
    """What to change; the rest stays."""

    name: str | UnsetType = UNSET
    slugs: Sequence[str] | UnsetType = UNSET
    include_team: bool | UnsetType = UNSET
    include_shared: bool | UnsetType = UNSET
    public: bool | UnsetType = UNSET
