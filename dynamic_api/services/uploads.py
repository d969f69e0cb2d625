"""What an upload becomes: a private version, paid for by its size, in the drive and in a collection."""

from __future__ import annotations

from msgspec import Raw, Struct
from sqlalchemy import Connection

from dynamic_api.database.tables import collection_skills
from dynamic_api.database.upsert import insert_absent
from dynamic_api.ids import dashed
from dynamic_api.services import audit, credits, drive, private_skills, tickets
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.private_skills import Added
from dynamic_api.services.reading import Reading
from dynamic_api.services.tickets import Target, Ticket
from dynamic_api.settings import MIB, Credits

KIND = "upload"


class UploadedSkill(Struct, frozen=True):
    """The skill that a zip became."""

    id: str
    slug: str
    name: str
    version: int


class Placement(Struct, frozen=True):
    """What became of it in the ticket's collection: "added", "already_there", or "collection_gone"."""

    status: str
    collection: str


class Uploaded(Struct, frozen=True, rename="camel"):
    """The answer to an upload (contracts/skillzdrive.md 12.4). `credit_cost` is 0 for bytes that are kept."""

    success: bool
    skill: UploadedSkill
    scripts_uploaded: int
    files_uploaded: int
    credit_cost: int
    balance: int
    collection_placement: Placement | None
    content_sha: str
    content_size: int
    security_grade: str
    findings: Raw
    message: str


def price(size: int, prices: Credits) -> int:
    """Credits for a zip of `size` bytes."""
    return prices.upload_base + prices.upload_per_mib * (size // MIB)


def keep(
    db: Connection,
    caller: Caller,
    ticket: Ticket,
    reading: Reading,
    size: int,
    prices: Credits,
    *,
    now: int,
    trace: Trace,
) -> Uploaded:
    """Add the version, take its price, place it. Raises Unpaid, and then nothing of it has happened."""
    new = reading.version
    drive.lock(db, caller.user_id)
    if not private_skills.holds(db, caller.user_id, new.slug):
        drive.require_room(db, caller, prices, now)
    added = private_skills.add_private_version(db, caller.user_id, new, now)
    cost = price(size, prices) if added.created else 0
    movement = credits.charge(db, caller, cost, KIND, prices, now=now, slug=new.slug, reference=ticket.id)
    placement = _placed(db, ticket.target, added.skill_id, now)
    data = {"version": added.ordinal, "sha256": new.sha256, "credits": cost, "grade": new.grade}
    audit.record(
        db,
        "SKILL_UPLOADED",
        "skill",
        now=now,
        caller=caller,
        trace=trace,
        target_id=added.skill_id,
        target_name=added.slug,
        data=data,
    )
    return _told(reading, added, cost, movement.after, placement)


def _told(reading: Reading, added: Added, cost: int, balance: int, placement: Placement | None) -> Uploaded:
    new, done = reading.version, f"version {added.ordinal} of {added.slug} is in the drive"
    return Uploaded(
        success=True,
        skill=UploadedSkill(dashed(added.skill_id), added.slug, new.name, added.ordinal),
        scripts_uploaded=reading.scripts,
        files_uploaded=reading.others,
        credit_cost=cost,
        balance=balance,
        collection_placement=placement,
        content_sha=new.sha256,
        content_size=new.size,
        security_grade=new.grade,
        findings=Raw(new.findings),
        message=done if added.created else f"{done}: nothing has changed",
    )


def _placed(db: Connection, target: Target | None, skill_id: str, now: int) -> Placement | None:
    if target is None:
        return None
    if not tickets.is_there(db, target):
        return Placement("collection_gone", target.name)
    row = {"key_id": target.id, "skill_id": skill_id, "added_at": now}
    added = insert_absent(db, collection_skills, [row])
    return Placement("added" if added else "already_there", target.name)
