"""Sharing: one skill to one account, which sees it once it has accepted."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from dynamic_api.clock import written
from dynamic_api.database.tables import shares, skills, users
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.accounts import User

PENDING, ACCEPTED, REJECTED, REVOKED = "pending", "accepted", "rejected", "revoked"


class Share(Struct, frozen=True):
    """One skill, offered by `owner` to `recipient` (emails)."""

    id: str
    slug: str
    owner: str
    recipient: str
    status: str
    created_at: str


def offer(db: Connection, skill_id: str, owner: User, recipient: User, *, now: int) -> Share:
    """Offer a skill; one that was rejected or revoked may be offered again. Raises Invalid, Conflict."""
    if owner.id == recipient.id:
        raise Invalid("validation_error", "a skill is not shared with its owner", place="recipient")
    known = db.execute(
        select(shares).where(shares.c.skill_id == skill_id, shares.c.recipient_id == recipient.id)
    ).one_or_none()
    if known is not None and known.status in {PENDING, ACCEPTED}:
        raise Conflict("already_shared", f"{recipient.email} has this offer already ({known.status})")
    values = {"owner_id": owner.id, "status": PENDING, "created_at": now, "answered_at": None}
    if known is None:
        share_id = new_id()
        row = {"id": share_id, "skill_id": skill_id, "recipient_id": recipient.id, **values}
        db.execute(insert(shares), row)
    else:
        share_id = known.id
        db.execute(update(shares).where(shares.c.id == share_id).values(values))
    return _noted(db, share_id, "SHARE_OFFERED", now)


def accept(db: Connection, share_id: str, *, now: int) -> Share:
    """Take an offer. Raises Absent."""
    return _answer(db, share_id, PENDING, ACCEPTED, now)


def reject(db: Connection, share_id: str, *, now: int) -> Share:
    """Turn an offer down. Raises Absent."""
    return _answer(db, share_id, PENDING, REJECTED, now)


def revoke(db: Connection, share_id: str, *, now: int) -> Share:
    """Take back what was offered or accepted. Raises Absent."""
    return _answer(db, share_id, None, REVOKED, now)


def everything(db: Connection) -> list[Share]:
    """All shares, newest first."""
    return _shares(db)


def _answer(db: Connection, share_id: str, before: str | None, status: str, now: int) -> Share:
    which = (shares.c.status == before) if before else shares.c.status.in_((PENDING, ACCEPTED))
    done = db.execute(
        update(shares)
        .where(shares.c.id == share_id, which)
        .values(status=status, answered_at=now)
        .returning(shares.c.id)
    ).all()
    if not done:
        raise Absent("share_not_found", "no such share, or it was answered already")
    return _noted(db, share_id, f"SHARE_{status.upper()}", now)


def _noted(db: Connection, share_id: str, event: str, now: int) -> Share:
    (share,) = _shares(db, share_id)
    audit.record(
        db,
        event,
        "skill",
        now=now,
        target_name=share.slug,
        data={"share": share_id, "recipient": share.recipient},
    )
    return share


def _shares(db: Connection, share_id: str | None = None) -> list[Share]:
    owners, recipients = users.alias(), users.alias()
    query = (
        select(shares, skills.c.slug, owners.c.email.label("owner"), recipients.c.email.label("recipient"))
        .join(skills, skills.c.id == shares.c.skill_id)
        .join(owners, owners.c.id == shares.c.owner_id)
        .join(recipients, recipients.c.id == shares.c.recipient_id)
        .order_by(shares.c.created_at.desc(), shares.c.id)
    )
    if share_id is not None:
        query = query.where(shares.c.id == share_id)
    return [
        Share(row.id, row.slug, row.owner, row.recipient, row.status, written(row.created_at))
        for row in db.execute(query)
    ]
