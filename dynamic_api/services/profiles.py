"""Profiles (sx calls them roles): named parts of what is installed, one of them in force for each caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import active_profiles, profile_items, profiles
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.sx.identity import slug_of


class Profile(Struct, frozen=True):
    """As sx reads it."""

    title: str
    slug: str
    description: str


class Profiles(Struct, frozen=True):
    """All profiles by title, and the slug of the one in force."""

    profiles: list[Profile]
    active: str | None


def of(db: Connection, caller: Caller) -> Profiles:
    """What the caller may choose from, and has chosen."""
    rows = db.execute(select(profiles).order_by(profiles.c.title, profiles.c.slug))
    chosen = (
        select(profiles.c.slug)
        .join(active_profiles, active_profiles.c.profile_id == profiles.c.id)
        .where(active_profiles.c.holder_id == caller.user_id)
    )
    found = [Profile(row.title, row.slug, row.description) for row in rows]
    return Profiles(found, db.execute(chosen).scalar())


def choose(db: Connection, caller: Caller, trace: Trace, slug: str | None, now: int) -> Profile | None:
    """Put the profile in force for the caller; None: all that is installed. Raises Absent."""
    row = _row(db, slug) if slug is not None else None
    db.execute(delete(active_profiles).where(active_profiles.c.holder_id == caller.user_id))
    if row is not None:
        values = {"holder_id": caller.user_id, "profile_id": row.id, "at": now}
        insert_absent(db, active_profiles, [values])
    audit.record(db, "PROFILE_CHOSEN", "profile", now=now, caller=caller, trace=trace, target_name=slug or "")
    return None if row is None else Profile(row.title, row.slug, row.description)


def create(db: Connection, title: str, description: str, skill_ids: Sequence[str], now: int) -> Profile:
    """A new profile of these assets, by an operator. Raises Invalid, Conflict."""
    slug = slug_of(title)
    if not slug or len(title) > 200 or not title.isprintable():
        raise Invalid("validation_error", "the title needs letters or digits", place="title")
    profile_id = new_id()
    row = {"id": profile_id, "slug": slug, "title": title, "description": description, "created_at": now}
    try:
        with db.begin_nested():
            db.execute(insert(profiles), row)
    except IntegrityError as error:
        raise Conflict("name_taken", f"there is a profile {slug}", place="title") from error
    items = [{"profile_id": profile_id, "skill_id": each} for each in dict.fromkeys(skill_ids)]
    insert_absent(db, profile_items, items)
    audit.record(db, "PROFILE_CREATED", "profile", now=now, target_id=profile_id, target_name=slug)
    return Profile(title, slug, description)


def change(db: Connection, slug: str, added: Sequence[str], removed: Sequence[str], now: int) -> Profile:
    """Put assets into a profile and take others out, by an operator. Raises Absent."""
    row = _row(db, slug)
    insert_absent(db, profile_items, [{"profile_id": row.id, "skill_id": each} for each in added])
    item = profile_items.c
    db.execute(delete(profile_items).where(item.profile_id == row.id, item.skill_id.in_(list(removed))))
    audit.record(db, "PROFILE_CHANGED", "profile", now=now, target_id=row.id, target_name=slug)
    return Profile(row.title, row.slug, row.description)


def remove(db: Connection, slug: str, now: int) -> None:
    """Delete a profile, by an operator; whoever had it in force gets everything again. Raises Absent."""
    row = _row(db, slug)
    db.execute(delete(profiles).where(profiles.c.id == row.id))
    audit.record(db, "PROFILE_DELETED", "profile", now=now, target_id=row.id, target_name=slug)


def _row(db: Connection, slug: str) -> Any:
    row = db.execute(select(profiles).where(profiles.c.slug == slug)).one_or_none()
    if row is None:
        raise Absent(
            "profile_not_found", f"there is no profile {slug[:64]!r}", place="slug", mend="sx role list"
        )
    return row
