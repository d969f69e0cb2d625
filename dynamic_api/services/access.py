"""From a secret to the caller it stands for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from dynamic_api.database.tables import (
    api_keys,
    asset_stamps,
    bot_keys,
    bots,
    collection_skills,
    drive_items,
    skills,
    users,
)
from dynamic_api.database.tables.assets import CALLERS
from dynamic_api.errors import Absent, Forbidden, Unauthenticated
from dynamic_api.ids import digest
from dynamic_api.services.accounts import User
from dynamic_api.services.caller import BOT, SCOPED, UPLOAD_ONLY, USER, Caller

WHERE_TO_GET_ONE = "make one: skillpress admin key create EMAIL"

_CALLER = select(
    api_keys.c.id,
    api_keys.c.name,
    api_keys.c.kind,
    api_keys.c.prefix,
    api_keys.c.enabled,
    api_keys.c.include_team,
    api_keys.c.include_shared,
    api_keys.c.rate_limit_per_minute,
    api_keys.c.expires_at,
    api_keys.c.revoked_at,
    users.c.id.label("user_id"),
    users.c.email,
    users.c.role,
    users.c.tier,
    users.c.disabled_at,
).join_from(api_keys, users, api_keys.c.owner_id == users.c.id)
_STAMP = select(asset_stamps.c.serial).where(asset_stamps.c.id == CALLERS)
_BY_SECRET = _CALLER.where(api_keys.c.sha256 == bindparam("sha256"))
_BY_ID = _CALLER.where(api_keys.c.id == bindparam("key_id"))
_BOT = (
    select(
        bot_keys.c.id,
        bot_keys.c.bot_id,
        bot_keys.c.label,
        bot_keys.c.prefix,
        bot_keys.c.expires_at,
        bots.c.slug,
    )
    .join_from(bot_keys, bots, bot_keys.c.bot_id == bots.c.id)
    .where(bot_keys.c.sha256 == bindparam("sha256"))
)
_ALLOWED = select(collection_skills.c.skill_id).where(collection_skills.c.key_id == bindparam("key_id"))


def stamp(db: Connection) -> int:
    """Changes with every change in the database that a known caller may show (migration 0002)."""
    return int(db.execute(_STAMP).scalar() or 0)


def caller_of(db: Connection, secret: str, now: int) -> Caller:
    """The caller whose key is `secret`, an account's or a bot's. Raises Unauthenticated."""
    row = db.execute(_BY_SECRET, {"sha256": digest(secret)}).one_or_none()
    if row is None and (bot := db.execute(_BOT, {"sha256": digest(secret)}).one_or_none()):
        return _bot(bot, now)
    return _caller(db, row, now)


def caller_with(db: Connection, key_id: str, now: int) -> Caller:
    """The caller whose key has this id: for what acts in its name, as tickets do. Raises Unauthenticated."""
    return _caller(db, db.execute(_BY_ID, {"key_id": key_id}).one_or_none(), now)


def _caller(db: Connection, row: Any, now: int) -> Caller:
    if row is None:
        raise refused("this API key is not known", code="unauthorized")
    why = _why_not(row.enabled, row.revoked_at, row.disabled_at)
    if why:
        raise refused(why, code="unauthorized")
    allowed = None
    if row.kind == SCOPED:
        allowed = frozenset(db.execute(_ALLOWED, {"key_id": row.id}).scalars())
    caller = Caller(
        user_id=row.user_id,
        email=row.email,
        role=row.role,
        tier=row.tier,
        key_id=row.id,
        key_name=row.name,
        key_kind=row.kind,
        key_prefix=row.prefix,
        allowed=allowed,
        include_team=row.include_team,
        include_shared=row.include_shared,
        rate_limit_per_minute=row.rate_limit_per_minute,
        expires_at=row.expires_at,
    )
    require_in_time(caller, now)
    return caller


def _bot(row: Any, now: int) -> Caller:
    caller = Caller(
        user_id=row.bot_id,
        email=f"bot:{row.slug}",
        role=USER,
        tier="",
        key_id=row.id,
        key_name=row.label,
        key_kind=BOT,
        key_prefix=row.prefix,
        allowed=None,
        include_team=False,
        include_shared=False,
        rate_limit_per_minute=None,
        expires_at=row.expires_at,
        bot_slug=row.slug,
    )
    require_in_time(caller, now)
    return caller


def _why_not(enabled: bool, revoked_at: int | None, disabled_at: int | None) -> str | None:
    if revoked_at is not None:
        return "this API key was revoked"
    if disabled_at is not None:
        return "the account of this API key is disabled"
    return None if enabled else "this API key is disabled"


def require_in_time(caller: Caller, now: int) -> None:
    """Raise Unauthenticated for a key whose time is over."""
    if not is_in_time(caller, now):
        raise refused("this API key has expired", code="unauthorized")


def is_in_time(caller: Caller, now: int) -> bool:
    """Whether the time of a key is not over."""
    return caller.expires_at is None or now < caller.expires_at


def require_person(caller: Caller) -> None:
    """Raise Forbidden for a bot's key."""
    if caller.is_bot:
        raise Forbidden("access_denied", "a bot's key is for sx only", mend="call with a key of an account")


def require_beyond_uploads(caller: Caller) -> None:
    """Raise Forbidden for a key that may upload only."""
    if caller.key_kind == UPLOAD_ONLY:
        raise Forbidden("access_denied", "this API key may upload only", mend="call with another key")


def refused(message: str = "API key required", *, code: str = "access_denied") -> Unauthenticated:
    """The one answer to a call without a good credential (contracts/skillzdrive.md 3.5)."""
    return Unauthenticated(
        code,
        message,
        mend="send Authorization: Bearer sk_live_…",
        suggestions=(WHERE_TO_GET_ONE,),
        headers={"WWW-Authenticate": 'Bearer realm="skillpress"'},
    )


def held_skill(db: Connection, user: User, slug: str) -> str:
    """The id of the skill that `slug` is in an account's own drive, its private ones first. Raises Absent."""
    row = db.execute(
        select(skills.c.id)
        .join(drive_items, drive_items.c.skill_id == skills.c.id)
        .where(drive_items.c.user_id == user.id, skills.c.slug == slug)
        .order_by((skills.c.owner_id == user.id).desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise Absent("skill_not_found", f"{user.email} has no skill {slug!r} in the drive")
    return str(row.id)
