"""Import of a skill into the drive: found, paid and placed in one transaction (row 6)."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, or_, select

from dynamic_api.catalogue import Skill
from dynamic_api.database.engine import Database
from dynamic_api.database.tables import drive_items, skill_versions, skills
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.errors import Conflict
from dynamic_api.ids import dashed, undashed
from dynamic_api.services import audit, credits, drive
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.drive import Placed
from dynamic_api.services.published import Published, download_of, no_skill, on_offer, taken_back
from dynamic_api.settings import Credits
from registry_builder.core.ledger import QUARANTINED

IMPORT = "import"
ACTIVE = "active"

_NEWEST = (skill_versions.c.skill_id == skills.c.id) & (skill_versions.c.ordinal == skills.c.newest)
_HELD = (drive_items.c.skill_id == skills.c.id) & (drive_items.c.user_id == bindparam("user_id"))
_NAMED = (
    select(
        skills.c.id,
        skills.c.namespace,
        skills.c.name,
        skills.c.category,
        skill_versions.c.ordinal,
        skill_versions.c.sha256,
        skill_versions.c.state,
        drive_items.c.skill_id.is_not(None).label("is_held"),
    )
    .select_from(skills.outerjoin(skill_versions, _NEWEST).outerjoin(drive_items, _HELD))
    .where(
        skills.c.slug == bindparam("slug"),
        or_(skills.c.namespace == ORGANISATION, skills.c.namespace == PUBLISHED),
        skills.c.deleted_at.is_(None),
    )
)
_IN_ORGANISATION = select(skills.c.id).where(
    skills.c.slug == bindparam("slug"), skills.c.namespace == ORGANISATION, skills.c.deleted_at.is_(None)
)


class Offer(Struct, frozen=True, kw_only=True):
    """What an import puts into the drive."""

    skill_id: str
    slug: str
    name: str
    ordinal: int
    sha256: str
    category: str
    grade: str | None = None
    is_held: bool
    """Whether the drive has it already."""
    is_known: bool = True
    """Whether the database has its row."""


class Imported(Struct, frozen=True):
    """A skill that is in the drive now, and what that took."""

    id: str
    slug: str
    name: str
    version: int
    content_sha: str
    category: str
    security_grade: str | None
    credits_charged: int
    balance: int


async def look_up(database: Database, published: Published, slug: str) -> Skill | None:
    """What the bucket has under `slug`; None for a skill of the organisation. Raises Absent."""
    if record := published.skill(slug):
        return record
    if await database.read(lambda db: db.execute(_IN_ORGANISATION, {"slug": slug}).first()):
        return None
    raise no_skill(slug, await asyncio.to_thread(published.suggest, slug), "skillSlug")


def take(
    db: Connection,
    caller: Caller,
    *,
    published: Published,
    slug: str,
    record: Skill | None,
    prices: Credits,
    now: int,
    trace: Trace,
) -> tuple[Imported, bool]:
    """Pay for what is under `slug` and place it: organisation → published; whether it is new in the drive.

    `record` is what the bucket has. A scoped key also gets it on its list; what the account has already costs
    nothing. Raises Absent, Withdrawn, Conflict when nothing is left to do, Unpaid for a full drive or too few
    credits.
    """
    drive.lock(db, caller.user_id)
    offer = _offer(db, caller.user_id, published, slug, record)
    if record is not None and not offer.is_known:
        drive.know(db, [record], now)
    new = not offer.is_held
    price = prices.import_cost_public if new else 0
    if new:
        drive.require_room(db, caller, prices, now)
    movement = credits.charge(db, caller, price, IMPORT, prices, now=now, slug=slug)
    if new:
        drive.place(db, caller.user_id, [_placed(offer)], now)
    listed = drive.join_collection(db, caller, [offer.skill_id], now)
    if not new and not listed:
        raise Conflict(
            "already_in_drive",
            f"{slug} is in the drive already",
            place="skillSlug",
            mend="nothing is left to do",
        )
    _record(db, caller, offer, price, now, trace)
    return _imported(offer, price, movement.after), new


def _offer(db: Connection, user_id: str, published: Published, slug: str, record: Skill | None) -> Offer:
    named = {row.namespace: row for row in db.execute(_NAMED, {"slug": slug, "user_id": user_id})}
    own = named.get(ORGANISATION)
    if own is not None and own.state in {ACTIVE, QUARANTINED}:
        return _of_organisation(published, slug, own)
    record = on_offer(record)
    if record is None:
        raise no_skill(slug, place="skillSlug")
    return _of_bucket(published, record, named.get(PUBLISHED))


def _of_organisation(published: Published, slug: str, row: Row[Any]) -> Offer:
    reason = published.withdrawn([row.sha256]).get(row.sha256)
    if reason or row.state == QUARANTINED:
        raise taken_back(reason or QUARANTINED)
    return Offer(
        skill_id=row.id,
        slug=slug,
        name=row.name,
        ordinal=row.ordinal,
        sha256=row.sha256,
        category=row.category,
        is_held=row.is_held,
    )


def _of_bucket(published: Published, record: Skill, row: Row[Any] | None) -> Offer:
    version = download_of(record)
    return Offer(
        skill_id=undashed(record.id),
        slug=record.slug,
        name=record.name,
        ordinal=version.ordinal,
        sha256=version.sha256,
        category=record.category,
        grade=published.grades.of(record.slug, version.sha256),
        is_held=row is not None and row.is_held,
        is_known=row is not None,
    )


def _placed(offer: Offer) -> Placed:
    return Placed(skill_id=offer.skill_id, ordinal=offer.ordinal, sha256=offer.sha256, origin=IMPORT)


def _record(db: Connection, caller: Caller, offer: Offer, price: int, now: int, trace: Trace) -> None:
    audit.record(
        db,
        "SKILL_IMPORTED",
        "skill",
        now=now,
        caller=caller,
        trace=trace,
        target_id=offer.skill_id,
        target_name=offer.slug,
        data={"version": offer.ordinal, "sha256": offer.sha256, "credits": price},
    )


def _imported(offer: Offer, price: int, balance: int) -> Imported:
    return Imported(
        dashed(offer.skill_id),
        offer.slug,
        offer.name,
        offer.ordinal,
        offer.sha256,
        offer.category,
        offer.grade,
        price,
        balance,
    )
