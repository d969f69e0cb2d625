"""What a key may see: allowed ∩ (drive ∪ teams ∪ accepted shares) (contracts/skillzdrive.md 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from msgspec import Struct
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein
from sqlalchemy import Connection, Select, and_, bindparam, func, literal, select, true, union_all

from dynamic_api.database.tables import (
    api_keys,
    collection_skills,
    drive_items,
    shares,
    skill_versions,
    skills,
    team_members,
    team_skills,
)
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.errors import Absent
from dynamic_api.services.caller import SCOPED, UPLOAD_ONLY, Caller
from dynamic_api.services.published import no_skill

DRIVE, TEAM, SHARED = "drive", "team", "shared"
ACCEPTED = "accepted"
MOST_OF_ORGANISATION = 2000
_OWN, _FROM_TEAM, _FROM_SHARE, _ORGANISATION, _PUBLISHED = range(5)
_BY_SOURCE = {TEAM: _FROM_TEAM, SHARED: _FROM_SHARE}
_BY_NAMESPACE = {ORGANISATION: _ORGANISATION, PUBLISHED: _PUBLISHED}


class Seen(Struct, frozen=True):
    """A skill that a key sees, at the version that it gets: the pinned one of a drive, else the newest.

    For a published skill of a team `ordinal` is 0 and `sha256` "": the catalogue knows. What stands after
    `origin` is of a private version.
    """

    source: str
    skill_id: str
    namespace: str
    slug: str
    type: str
    name: str
    description: str
    tags: str
    category: str
    github_url: str | None
    owner_id: str | None
    newest: int
    ordinal: int
    sha256: str
    dismissed: int
    enabled: bool
    origin: str
    size: int | None
    state: str | None
    scripts: str | None
    facts: str | None
    grade: str | None

    @property
    def is_published(self) -> bool:
        """Whether the bucket has it; everything else is private."""
        return self.namespace == PUBLISHED


def visible(db: Connection, caller: Caller, *, hidden: bool = False) -> list[Seen]:
    """All that the key sees, by slug, in one query; of one slug, what it resolves to comes first.

    With `hidden`, also what is toggled off.
    """
    return _ranked(_rows(db, caller, {}), caller, hidden=hidden)


def find(db: Connection, caller: Caller, slug: str, *, hidden: bool = False, place: str = "slug") -> Seen:
    """What `slug` is for this key: own → team → shared → organisation → published. Raises Absent."""
    found = resolve(db, caller, slug, hidden=hidden)
    if found is None:
        known = [item.slug for item in visible(db, caller, hidden=hidden)]
        raise no_skill(slug, near(slug, known), place)
    return found


def resolve(db: Connection, caller: Caller, slug: str, *, hidden: bool = False) -> Seen | None:
    """As `find`; None when the key sees nothing of this name."""
    found = _ranked(_rows(db, caller, {"slug": slug}), caller, hidden=hidden)
    return found[0] if found else None


def of_organisation(db: Connection, slug: str | None = None) -> list[Seen]:
    """The private skills that everybody in the organisation may see, by slug, or the one of this name."""
    statement = _of_organisation(slug is not None)
    return [Seen(*row) for row in db.execute(statement, {} if slug is None else {"slug": slug})]


def listed_in(db: Connection, caller: Caller, name: str, *, place: str) -> frozenset[str] | None:
    """The ids on a collection's list; None for an all-skills one. A scoped key has its own only.

    Raises Absent.
    """
    row = db.execute(
        select(api_keys.c.id, api_keys.c.kind).where(
            api_keys.c.owner_id == caller.user_id, api_keys.c.live_name == name
        )
    ).one_or_none()
    if row is None or (caller.key_kind == SCOPED and row.id != caller.key_id):
        raise Absent(
            "collection_not_found",
            f"there is no collection {name!r} for this key",
            place=place,
            mend="names are matched with their exact spelling and case",
        )
    if row.kind != SCOPED:
        return None
    rows = db.execute(select(collection_skills.c.skill_id).where(collection_skills.c.key_id == row.id))
    return frozenset(rows.scalars())


def find_held(db: Connection, caller: Caller, slug: str) -> Seen:
    """The item of the drive that `slug` means, toggled off or not. Raises Absent."""
    found = _ranked(_rows(db, caller, {"slug": slug}), caller, hidden=True)
    held = [item for item in found if item.source == DRIVE]
    if not held:
        items = visible(db, caller, hidden=True)
        raise no_skill(slug, near(slug, [item.slug for item in items if item.source == DRIVE]))
    return held[0]


def near(slug: str, slugs: Iterable[str]) -> tuple[str, ...]:
    """Up to three of `slugs` that need the fewest changes to become `slug`."""
    most = max(1, len(slug) // 2)
    choices = sorted(set(slugs))
    found = process.extract(slug, choices, scorer=Levenshtein.distance, score_cutoff=most, limit=3)
    return tuple(name for name, _, _ in found)


def by_slug(items: Sequence[Seen]) -> dict[str, Seen]:
    """Slug → what it resolves to, of what `visible` gave."""
    return {item.slug: item for item in reversed(items)}


def _rows(db: Connection, caller: Caller, more: dict[str, str]) -> Sequence[Any]:
    if caller.key_kind == UPLOAD_ONLY:
        return ()
    statement = _statement(caller.include_team, caller.include_shared, bool(more))
    return db.execute(statement, {"user_id": caller.user_id, **more}).fetchall()


def _ranked(rows: Sequence[Any], caller: Caller, *, hidden: bool) -> list[Seen]:
    kept: dict[str, Seen] = {}
    for row in rows:
        kept.setdefault(row[1], Seen(*row))
    allowed = caller.allowed
    items = [
        item
        for item in kept.values()
        if (hidden or item.enabled) and (allowed is None or item.skill_id in allowed)
    ]
    items.sort(key=lambda item: (item.slug, _rank(item, caller.user_id), item.skill_id))
    return items


def _rank(item: Seen, user_id: str) -> int:
    if item.namespace == user_id:
        return _OWN
    return _BY_SOURCE.get(item.source) or _BY_NAMESPACE.get(item.namespace, _FROM_SHARE)


@cache
def _statement(with_teams: bool, with_shares: bool, one_slug: bool) -> Any:
    """The drive first: of a skill that comes from several places, that row counts."""
    sources = [_of_drive()]
    if with_teams:
        sources.append(_of_teams())
    if with_shares:
        sources.append(_of_shares())
    if one_slug:
        sources = [source.where(skills.c.slug == bindparam("slug")) for source in sources]
    return sources[0] if len(sources) == 1 else union_all(*sources)


@cache
def _of_organisation(one_slug: bool) -> Any:
    statement = _at_newest(ORGANISATION, skills, None).where(skills.c.namespace == ORGANISATION)
    if one_slug:
        statement = statement.where(skills.c.slug == bindparam("slug"))
    return statement.order_by(skills.c.slug).limit(MOST_OF_ORGANISATION)


def _columns(source: str, *pinned: Any) -> list[Any]:
    """Those of Seen, in its order."""
    skill, version = skills.c, skill_versions.c
    return [
        literal(source).label("source"),
        skill.id,
        skill.namespace,
        skill.slug,
        skill.type,
        skill.name,
        skill.description,
        skill.tags,
        skill.category,
        skill.github_url,
        skill.owner_id,
        skill.newest,
        *pinned,
        version.size,
        version.state,
        version.scripts,
        version.facts,
        version.grade,
    ]


def _of_drive() -> Select[Any]:
    item = drive_items.c
    columns = _columns(DRIVE, item.ordinal, item.sha256, item.dismissed, item.enabled, item.origin)
    version = skill_versions.c
    at_pin = and_(version.skill_id == item.skill_id, version.ordinal == item.ordinal)
    joined = drive_items.join(skills, skills.c.id == item.skill_id).outerjoin(skill_versions, at_pin)
    return (
        select(*columns)
        .select_from(joined)
        .where(item.user_id == bindparam("user_id"), skills.c.deleted_at.is_(None))
    )


def _of_teams() -> Select[Any]:
    held = team_skills.join(team_members, team_members.c.team_id == team_skills.c.team_id)
    return _at_newest(TEAM, held, team_skills.c.skill_id).where(
        team_members.c.user_id == bindparam("user_id"), team_members.c.accepted_at.is_not(None)
    )


def _of_shares() -> Select[Any]:
    return _at_newest(SHARED, shares, shares.c.skill_id).where(
        shares.c.recipient_id == bindparam("user_id"), shares.c.status == ACCEPTED
    )


def _at_newest(source: str, held: Any, skill_id: Any) -> Select[Any]:
    version = skill_versions.c
    pinned = (skills.c.newest, func.coalesce(version.sha256, ""), literal(0), true(), literal(source))
    newest = and_(version.skill_id == skills.c.id, version.ordinal == skills.c.newest)
    named = held if skill_id is None else held.join(skills, skills.c.id == skill_id)
    joined = named.outerjoin(skill_versions, newest)
    return select(*_columns(source, *pinned)).select_from(joined).where(skills.c.deleted_at.is_(None))
