"""Import of a skill into the drive: looked up first, then paid and placed in one transaction (row 6)."""

from __future__ import annotations

import asyncio

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from dynamic_api.catalogue import Skill
from dynamic_api.database.engine import Database
from dynamic_api.database.tables import drive_items, skill_versions, skills
from dynamic_api.database.tables.skills import ORGANISATION
from dynamic_api.errors import Conflict
from dynamic_api.ids import dashed, undashed
from dynamic_api.services import audit, credits, drive
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.drive import Placed
from dynamic_api.services.published import Published, download_of, no_skill, taken_back
from dynamic_api.settings import Credits
from registry_builder.core.ledger import QUARANTINED

IMPORT = "import"
ACTIVE = "active"

_HELD = select(drive_items.c.ordinal).where(
    drive_items.c.user_id == bindparam("user_id"), drive_items.c.skill_id == bindparam("skill_id")
)
_NEWEST = (skill_versions.c.skill_id == skills.c.id) & (skill_versions.c.ordinal == skills.c.newest)
_OF_ORGANISATION = (
    select(skills.c.id, skills.c.name, skills.c.category, skill_versions)
    .join_from(skills, skill_versions, _NEWEST)
    .where(
        skills.c.namespace == ORGANISATION,
        skills.c.slug == bindparam("slug"),
        skills.c.deleted_at.is_(None),
        skill_versions.c.state.in_((ACTIVE, QUARANTINED)),
    )
)


class Offer(Struct, frozen=True, kw_only=True):
    """What an import puts into the drive. `record` is that of a published skill."""

    skill_id: str
    slug: str
    name: str
    ordinal: int
    sha256: str
    category: str
    grade: str | None = None
    record: Skill | None = None


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


async def look_up(database: Database, published: Published, slug: str) -> Offer:
    """What can be had under `slug`: organisation → published. Raises Absent, Withdrawn."""

    def find(db: Connection) -> Offer | None:
        offer = _of_organisation(db, published, slug)
        record = None if offer else published.offer(slug)
        return _of_bucket(published, record) if record else offer

    offer = await database.read(find)
    if offer is None:
        raise no_skill(slug, await asyncio.to_thread(published.suggest, slug), "skillSlug")
    return offer


def _of_organisation(db: Connection, published: Published, slug: str) -> Offer | None:
    row = db.execute(_OF_ORGANISATION, {"slug": slug}).one_or_none()
    if row is None:
        return None
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
    )


def _of_bucket(published: Published, record: Skill) -> Offer:
    version = download_of(record)
    return Offer(
        skill_id=undashed(record.id),
        slug=record.slug,
        name=record.name,
        ordinal=version.ordinal,
        sha256=version.sha256,
        category=record.category,
        grade=published.grades.of(record.slug, version.sha256),
        record=record,
    )


def take(
    db: Connection, caller: Caller, *, offer: Offer, prices: Credits, now: int, trace: Trace
) -> tuple[Imported, bool]:
    """Pay for `offer` and place it; whether it is new in the drive.

    A scoped key also gets it on its list; what the account has already costs nothing. Raises Conflict when
    nothing is left to do, Unpaid for a full drive or too few credits.
    """
    drive.lock(db, caller.user_id)
    if offer.record is not None:
        drive.know(db, [offer.record], now)
    new = not _holds(db, caller.user_id, offer.skill_id)
    price = prices.import_cost_public if new else 0
    if new:
        drive.require_room(db, caller, prices, now)
    movement = credits.charge(db, caller, price, IMPORT, prices, now=now, slug=offer.slug)
    if new:
        drive.place(db, caller.user_id, [_placed(offer)], now)
    listed = drive.join_collection(db, caller, [offer.skill_id], now)
    if not new and not listed:
        raise Conflict(
            "already_in_drive",
            f"{offer.slug} is in the drive already",
            place="skillSlug",
            mend="nothing is left to do",
        )
    _record(db, caller, offer, price, now, trace)
    return _imported(offer, price, movement.after), new


def _holds(db: Connection, user_id: str, skill_id: str) -> bool:
    return db.execute(_HELD, {"user_id": user_id, "skill_id": skill_id}).first() is not None


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
