"""The drive: which skills an account holds, at which version (contracts/skillzdrive.md rows 5, 7, 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, func, select, update

from dynamic_api.catalogue import Skill
from dynamic_api.clock import DAY
from dynamic_api.database.tables import api_keys, collection_skills, drive_items, skills, sync_runs, users
from dynamic_api.database.tables.skills import PUBLISHED
from dynamic_api.database.upsert import insert_absent, inserted
from dynamic_api.errors import Absent, Unpaid
from dynamic_api.ids import undashed
from dynamic_api.services import audit, popularity, visibility
from dynamic_api.services.caller import SCOPED, Caller, Trace
from dynamic_api.services.visibility import Seen
from dynamic_api.settings import Credits

FIRST_RUN = "first_run"
TAKEN = frozenset({"import", "claim"})
"""Origins of what somebody chose, which count as installs."""
RUN_LIFE = DAY
"""How long a run of sync may stay open."""
_LOCK = select(users.c.id).where(users.c.id == bindparam("user_id")).with_for_update()
_MARK = select(users.c.drive_grandfather_high_water).where(users.c.id == bindparam("user_id"))
_COUNT = select(func.count()).select_from(drive_items).where(drive_items.c.user_id == bindparam("user_id"))
_FILLED = _MARK.add_columns(_COUNT.scalar_subquery().label("held"))


class Toggled(Struct, frozen=True):
    """Whether a skill of the drive is shown."""

    slug: str
    enabled: bool


class Removed(Struct, frozen=True):
    """A skill that left the drive."""

    slug: str
    removed: bool = True


class Placed(Struct, frozen=True, kw_only=True):
    """A version on its way into a drive. origin: import, claim, upload or grant."""

    skill_id: str
    ordinal: int
    sha256: str
    origin: str


def place(db: Connection, user_id: str, items: Sequence[Placed], now: int) -> int:
    """Put `items` into the drive, but for those that are there; gives how many are new."""
    rows = [
        {
            "user_id": user_id,
            "skill_id": item.skill_id,
            "ordinal": item.ordinal,
            "sha256": item.sha256,
            "origin": item.origin,
            "added_at": now,
        }
        for item in items
    ]
    there = {row.skill_id for row in inserted(db, drive_items, rows)}
    taken = {item.skill_id for item in items if item.origin in TAKEN}
    popularity.count(db, there & taken, popularity.INSTALLS, now)
    return len(there)


def pin(db: Connection, user_id: str, item: Placed) -> bool:
    """Move the pin of a skill that the drive has to this version; whether it has it."""
    held = (drive_items.c.user_id == user_id, drive_items.c.skill_id == item.skill_id)
    values = {"ordinal": item.ordinal, "sha256": item.sha256}
    return db.execute(update(drive_items).where(*held).values(values)).rowcount > 0


def know(db: Connection, records: Sequence[Skill], now: int) -> None:
    """Write down published skills that something is about to refer to."""
    rows = [
        {
            "id": undashed(skill.id),
            "namespace": PUBLISHED,
            "slug": skill.slug,
            "type": skill.type,
            "name": skill.name[:200],
            "description": skill.description,
            "category": skill.category,
            "github_url": skill.github_url,
            "created_at": now,
        }
        for skill in records
    ]
    insert_absent(db, skills, rows)


def join_collection(db: Connection, caller: Caller, skill_ids: Sequence[str], now: int) -> int:
    """What a scoped key adds to the drive, it sees: it goes on its list. Gives how many are new there."""
    if caller.key_kind != SCOPED:
        return 0
    rows = [{"key_id": caller.key_id, "skill_id": item, "added_at": now} for item in skill_ids]
    return insert_absent(db, collection_skills, rows)


def lock(db: Connection, user_id: str) -> None:
    """Let no other transaction change this drive until this one ends. SQLite has one writer anyway."""
    if db.dialect.name != "sqlite":
        db.execute(_LOCK, {"user_id": user_id}).one()


def count(db: Connection, user_id: str) -> int:
    """Skills in the drive, whatever shows."""
    return int(db.execute(_COUNT, {"user_id": user_id}).scalar_one())


def most(db: Connection, caller: Caller, prices: Credits) -> int | None:
    """The drive's maximum: the tier's or, when that is higher, what a first sync brought along (4.3).

    None is without limit.
    """
    tier_max = _tier_max(caller, prices)
    if tier_max is None:
        return None
    return max(tier_max, int(db.execute(_MARK, {"user_id": caller.user_id}).scalar_one()))


def _tier_max(caller: Caller, prices: Credits) -> int | None:
    tier = prices.tiers.get(caller.tier)
    return tier.drive_max or None if tier else None


def require_room(db: Connection, caller: Caller, prices: Credits, now: int) -> None:
    """Raise Unpaid when one more skill does not fit. Call it with the account locked.

    While the first sync of a machine is under way, what it uploads fits.
    """
    tier_max = _tier_max(caller, prices)
    if tier_max is None:
        return
    mark, held = db.execute(_FILLED, {"user_id": caller.user_id}).one()
    limit = max(tier_max, mark)
    if held >= limit and not _first_run_open(db, caller.user_id, now):
        raise drive_full(limit)


def drive_full(limit: int) -> Unpaid:
    """The refusal of one skill more than the tier has."""
    return Unpaid(
        "quota_exceeded",
        f"the drive is full: this account may hold {limit} skills",
        mend="remove a skill from the drive, or ask an operator for another tier",
        extra={"drive_max": limit},
    )


def _first_run_open(db: Connection, user_id: str, now: int) -> bool:
    run = sync_runs.c
    query = select(run.id).where(
        run.user_id == user_id,
        run.opened_at > now - RUN_LIFE,
        run.kind == FIRST_RUN,
        run.closed_at.is_(None),
    )
    return db.execute(query.limit(1)).first() is not None


def remove(db: Connection, caller: Caller, slug: str, *, now: int, trace: Trace) -> Removed:
    """Take a skill out of the drive and out of every collection, for good; no refund. Raises Absent."""
    item = visibility.find_held(db, caller, slug)
    lock(db, caller.user_id)
    gone = db.execute(
        delete(drive_items)
        .where(drive_items.c.user_id == caller.user_id, drive_items.c.skill_id == item.skill_id)
        .returning(drive_items.c.skill_id)
    ).first()
    if gone is None:
        raise _gone(slug)
    keys = select(api_keys.c.id).where(api_keys.c.owner_id == caller.user_id)
    db.execute(
        delete(collection_skills).where(
            collection_skills.c.skill_id == item.skill_id, collection_skills.c.key_id.in_(keys)
        )
    )
    _record(db, "DRIVE_SKILL_REMOVED", item, caller, trace, now, {})
    return Removed(slug)


def toggle(db: Connection, caller: Caller, slug: str, *, now: int, trace: Trace) -> Toggled:
    """Show what was hidden, hide what was shown. Raises Absent."""
    item = visibility.find_held(db, caller, slug)
    enabled = db.execute(
        update(drive_items)
        .where(drive_items.c.user_id == caller.user_id, drive_items.c.skill_id == item.skill_id)
        .values(enabled=~drive_items.c.enabled)
        .returning(drive_items.c.enabled)
    ).scalar_one_or_none()
    if enabled is None:
        raise _gone(slug)
    _record(db, "DRIVE_SKILL_TOGGLED", item, caller, trace, now, {"enabled": enabled})
    return Toggled(slug, enabled)


def _gone(slug: str) -> Absent:
    return Absent("skill_not_found", f"there is no skill {slug!r} for this key", place="slug")


def _record(
    db: Connection,
    event: str,
    item: Seen,
    caller: Caller,
    trace: Trace,
    now: int,
    data: Mapping[str, object],
) -> None:
    audit.record(
        db,
        event,
        "skill",
        now=now,
        caller=caller,
        trace=trace,
        target_id=item.skill_id,
        target_name=item.slug,
        data=data,
    )
