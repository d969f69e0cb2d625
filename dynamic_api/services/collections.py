"""Collections: keys with a name, for the whole drive or a list (contracts/skillzdrive.md rows 16–21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.clock import written
from dynamic_api.database.tables import api_keys, collection_skills, skills
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.services import audit, keys, visibility
from dynamic_api.services.caller import ALL_SKILLS, SCOPED, UPLOAD_ONLY, Caller, Trace, require_all_skills
from dynamic_api.services.collection_names import published_name
from dynamic_api.services.collection_values import (
    Change,
    Changed,
    Collection,
    Collections,
    Created,
    Deleted,
    Membership,
    New,
)
from dynamic_api.services.keys import KeyOptions
from dynamic_api.services.published import Published, no_skill

_NEW_NAME = "newName"
ALL = "all"
SHADOWED = "the registry has a collection of this name, and its manifest is served instead; rename this one"


def listed(db: Connection, published: Published, caller: Caller) -> Collections:
    """Every collection of the account. Raises Forbidden for a scoped key."""
    require_all_skills(caller)
    rows = db.execute(_select().where(api_keys.c.owner_id == caller.user_id).order_by(api_keys.c.name))
    taken = published.collections()
    return Collections(tuple(_collection(row, taken) for row in rows))


def create(
    db: Connection, published: Published, caller: Caller, new: New, *, now: int, trace: Trace
) -> Created:
    """A new key with a name. Raises Forbidden for a scoped key, Invalid, Conflict, Absent."""
    require_all_skills(caller)
    options = KeyOptions(
        kind=ALL_SKILLS if new.slugs is None else SCOPED,
        skill_ids=() if new.slugs is None else tuple(_ids(db, caller, new.slugs)),
        include_team=new.include_team,
        include_shared=new.include_shared,
    )
    made = keys.create(db, caller.user_id, new.name, options, now=now)
    _record(db, "COLLECTION_CREATED", caller, made.id, new.name, {"scope": options.kind}, now, trace)
    return Created(_shown(db, published, made.id), made.secret)


def change(
    db: Connection,
    published: Published,
    caller: Caller,
    name: str,
    asked: Change,
    *,
    now: int,
    trace: Trace,
) -> Changed:
    """Change what is given. Raises Absent, Invalid, Conflict, Forbidden.

    A scoped key changes itself only, and can only lose by it: it lists what it sees, and publishes nothing.
    """
    if asked == Change():
        raise Invalid("validation_error", "nothing to change", place="body", mend="name a field")
    row = find(db, caller, name)
    if asked.public is not UNSET:
        require_all_skills(caller)
    if asked.slugs is not UNSET:
        _require_scoped(row)
        _set_skills(db, row.id, _ids(db, caller, asked.slugs), now)
    if asked.name is not UNSET:
        keys.require_name(asked.name, _NEW_NAME)
    _update(db, published, row, asked)
    data = {
        field: value for field in asked.__struct_fields__ if (value := getattr(asked, field)) is not UNSET
    }
    _record(db, "COLLECTION_CHANGED", caller, row.id, name, data, now, trace)
    return Changed(_shown(db, published, row.id))


def add(db: Connection, caller: Caller, name: str, slug: str, *, now: int, trace: Trace) -> Membership:
    """Put what the caller sees on the list. Raises Absent, Invalid for a collection of everything."""
    row = find(db, caller, name)
    _require_scoped(row)
    (skill_id,) = _ids(db, caller, [slug], "skillSlug")
    new = insert_absent(db, collection_skills, [{"key_id": row.id, "skill_id": skill_id, "added_at": now}])
    if new:
        _record(db, "COLLECTION_SKILL_ADDED", caller, row.id, name, {"slug": slug}, now, trace)
    return Membership(name, slug, "added" if new else "already_there")


def remove(db: Connection, caller: Caller, name: str, slug: str, *, now: int, trace: Trace) -> Membership:
    """Take a skill off the list. Raises Absent, Invalid for a collection of everything."""
    row = find(db, caller, name)
    _require_scoped(row)
    member = collection_skills.c
    gone = db.execute(
        delete(collection_skills)
        .where(member.key_id == row.id, member.skill_id.in_(select(skills.c.id).where(skills.c.slug == slug)))
        .returning(member.skill_id)
    ).all()
    if not gone:
        raise no_skill(slug)
    _record(db, "COLLECTION_SKILL_REMOVED", caller, row.id, name, {"slug": slug}, now, trace)
    return Membership(name, slug, "removed")


def end(db: Connection, caller: Caller, name: str, *, now: int, trace: Trace) -> Deleted:
    """Delete a collection and revoke its key. Raises Forbidden for a scoped key, Absent."""
    require_all_skills(caller)
    row = find(db, caller, name)
    keys.revoke(db, row.id, now=now, by=caller, trace=trace)
    _record(db, "COLLECTION_DELETED", caller, row.id, name, {}, now, trace)
    return Deleted(name)


def find(db: Connection, caller: Caller, name: str) -> Any:
    """The row of a collection by its exact name, for a change; a scoped key finds itself only. Raises Absent.

    It is locked: whoever changes it too finds what came of it.
    """
    query = _select().where(api_keys.c.owner_id == caller.user_id, api_keys.c.live_name == name)
    row = db.execute(query.with_for_update(of=api_keys)).one_or_none()
    if row is None or (caller.allowed is not None and row.id != caller.key_id):
        raise Absent(
            "collection_not_found",
            f"there is no collection {name!r} for this key",
            place="name",
            mend="names are matched exactly, with capitals and spaces",
        )
    return row


def _select() -> Any:
    members = (
        select(func.count())
        .select_from(collection_skills)
        .where(collection_skills.c.key_id == api_keys.c.id)
        .scalar_subquery()
    )
    return select(api_keys, members.label("members")).where(
        api_keys.c.revoked_at.is_(None), api_keys.c.kind != UPLOAD_ONLY
    )


def _shown(db: Connection, published: Published, key_id: str) -> Collection:
    row = db.execute(_select().where(api_keys.c.id == key_id)).one()
    taken = (
        frozenset([row.name]) if row.published_name and published.has_collection(row.name) else frozenset()
    )
    return _collection(row, taken)


def _collection(row: Any, taken: frozenset[str]) -> Collection:
    public = row.published_name is not None
    return Collection(
        name=row.name,
        scope=row.kind,
        skill_count=row.members if row.kind == SCOPED else ALL,
        include_team_skills=row.include_team,
        include_shared_skills=row.include_shared,
        is_public_marketplace=public,
        enabled=row.enabled,
        key_prefix=row.prefix,
        created_at=written(row.created_at),
        notice=SHADOWED if public and row.name in taken else None,
    )


def _ids(db: Connection, caller: Caller, slugs: Sequence[str], place: str | None = None) -> list[str]:
    """What each slug means for the caller. Raises Absent for the first that means nothing."""
    found = visibility.by_slug(visibility.visible(db, caller))
    for number, slug in enumerate(slugs):
        if slug not in found:
            near = visibility.near(slug, found)
            raise no_skill(slug, near, place or f"skillSlugs[{number}]")
    return list(dict.fromkeys(found[slug].skill_id for slug in slugs))


def _require_scoped(row: Any) -> None:
    if row.kind != SCOPED:
        raise Invalid(
            "collection_ineligible",
            f"{row.name!r} is a key for the whole drive and has no list",
            place="name",
            mend="make a collection with skillSlugs",
        )


def _set_skills(db: Connection, key_id: str, skill_ids: Sequence[str], now: int) -> None:
    db.execute(delete(collection_skills).where(collection_skills.c.key_id == key_id))
    rows = [{"key_id": key_id, "skill_id": item, "added_at": now} for item in skill_ids]
    if rows:
        db.execute(insert(collection_skills), rows)


def _update(db: Connection, published: Published, row: Any, asked: Change) -> None:
    values: dict[str, object] = {}
    name = row.name if asked.name is UNSET else asked.name
    if asked.name is not UNSET:
        values |= {"name": name, "live_name": name}
    if asked.include_team is not UNSET:
        values["include_team"] = asked.include_team
    if asked.include_shared is not UNSET:
        values["include_shared"] = asked.include_shared
    public = row.published_name is not None if asked.public is UNSET else asked.public
    if values:
        _try(db, row.id, values, f"there is a collection or key {name!r}", _NEW_NAME)
    if public and (asked.public is True or asked.name is not UNSET):
        place = "name" if asked.name is UNSET else _NEW_NAME
        shown = published_name(name, place)
        if published.has_collection(name) or published.has_collection(shown):
            raise _name_taken(f"the registry has a collection {shown!r}", place)
        _try(db, row.id, {"published_name": shown}, f"{shown!r} is published by somebody", place)
    elif not public and row.published_name is not None:
        db.execute(update(api_keys).where(api_keys.c.id == row.id).values(published_name=None))


def _try(db: Connection, key_id: str, values: Mapping[str, object], taken: str, place: str) -> None:
    try:
        with db.begin_nested():
            db.execute(update(api_keys).where(api_keys.c.id == key_id).values(**values))
    except IntegrityError as error:
        raise _name_taken(taken, place) from error


def _name_taken(why: str, place: str) -> Conflict:
    return Conflict("name_taken", why, place=place, mend="take another name")


def _record(
    db: Connection,
    event: str,
    caller: Caller,
    key_id: str,
    name: str,
    data: Mapping[str, object],
    now: int,
    trace: Trace,
) -> None:
    audit.record(
        db,
        event,
        "collection",
        now=now,
        caller=caller,
        trace=trace,
        target_id=key_id,
        target_name=name,
        data=data,
    )
