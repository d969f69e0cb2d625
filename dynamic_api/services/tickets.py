"""Upload tickets: ten minutes, one use (contracts/skillzdrive.md 12.4)."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from dynamic_api.clock import MINUTE
from dynamic_api.database.tables import api_keys, upload_tickets
from dynamic_api.errors import Absent, Forbidden, Invalid, Limited, Unauthenticated
from dynamic_api.ids import TICKET_PREFIX, digest, new_id, new_secret
from dynamic_api.services import audit, drive
from dynamic_api.services.caller import SCOPED, Caller, Trace
from dynamic_api.settings import Uploads

REFUSED = "Upload ticket invalid, expired, or already used"
"""Word for word what the reference's own script looks for."""


class Target(Struct, frozen=True):
    """Where an upload goes beside the drive: a scoped collection, or nowhere else."""

    id: str
    name: str


class NewTicket(Struct, frozen=True):
    """A ticket; its token is not to be had again."""

    token: str
    expires_at: int
    target: Target | None


class Ticket(Struct, frozen=True):
    """A ticket that was just used up."""

    id: str
    user_id: str
    key_id: str
    target: Target | None
    filename: str | None


def mint(
    db: Connection,
    caller: Caller,
    collection: str | None,
    filename: str | None,
    limits: Uploads,
    *,
    now: int,
    trace: Trace,
) -> NewTicket:
    """A new ticket. Raises Limited for too many; Absent, Forbidden, Invalid for the collection."""
    target = _target(db, caller, collection)
    drive.lock(db, caller.user_id)
    _require_few(db, caller, limits, now)
    ticket_id, token = new_id(), new_secret(TICKET_PREFIX)
    expires_at = now + limits.ticket_minutes * MINUTE
    row = {
        "id": ticket_id,
        "user_id": caller.user_id,
        "key_id": caller.key_id,
        "collection_id": target.id if target else None,
        "sha256": digest(token),
        "filename": filename,
        "created_at": now,
        "expires_at": expires_at,
    }
    db.execute(insert(upload_tickets), row)
    audit.record(
        db, "UPLOAD_TICKET_MINTED", "ticket", now=now, caller=caller, trace=trace, target_id=ticket_id
    )
    return NewTicket(token, expires_at, target)


def _require_few(db: Connection, caller: Caller, limits: Uploads, now: int) -> None:
    count, first_end = db.execute(
        select(func.count(), func.min(upload_tickets.c.expires_at)).where(
            upload_tickets.c.user_id == caller.user_id,
            upload_tickets.c.used_at.is_(None),
            upload_tickets.c.expires_at > now,
        )
    ).one()
    if count >= limits.active_tickets:
        wait = max(1, (first_end - now) // 1000 + 1)
        raise Limited(
            "too_many_active_tickets",
            f"{count} unused upload tickets are the most an account may hold",
            mend="use one, or wait until the first expires",
            headers={"Retry-After": str(wait)},
        )


def _target(db: Connection, caller: Caller, collection: str | None) -> Target | None:
    if caller.key_kind == SCOPED:
        if collection is not None and collection != caller.key_name:
            raise Forbidden(
                "collection_not_owned",
                "this key uploads to its own collection only",
                place="collectionName",
                mend=f"leave it out, or send {caller.key_name!r}",
            )
        return Target(caller.key_id, caller.key_name)
    if collection is None:
        return None
    row = db.execute(
        select(api_keys.c.id, api_keys.c.name, api_keys.c.kind, api_keys.c.enabled).where(
            api_keys.c.owner_id == caller.user_id, api_keys.c.live_name == collection
        )
    ).one_or_none()
    if row is None:
        raise Absent(
            "collection_not_found",
            f"you have no collection {collection!r}",
            place="collectionName",
            mend="names are matched with their exact spelling and case",
        )
    if row.kind != SCOPED or not row.enabled:
        raise Invalid(
            "collection_ineligible",
            "only an enabled collection with a list of its own takes uploads",
            place="collectionName",
            mend="leave it out, or name a scoped collection",
        )
    return Target(row.id, row.name)


def use(db: Connection, token: str, *, now: int) -> Ticket:
    """Use the ticket up: of many at once exactly one succeeds. Raises Unauthenticated."""
    row = db.execute(
        update(upload_tickets)
        .where(
            upload_tickets.c.sha256 == digest(token),
            upload_tickets.c.used_at.is_(None),
            upload_tickets.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(
            upload_tickets.c.id,
            upload_tickets.c.user_id,
            upload_tickets.c.key_id,
            upload_tickets.c.collection_id,
            upload_tickets.c.filename,
        )
    ).one_or_none()
    if row is None:
        raise Unauthenticated(
            "ticket_invalid", REFUSED, mend="ask for a new one: POST /api/v1/uploads/ticket"
        )
    target = None
    if row.collection_id is not None:
        named = db.execute(select(api_keys.c.name).where(api_keys.c.id == row.collection_id))
        target = Target(row.collection_id, named.scalar_one())
    return Ticket(row.id, row.user_id, row.key_id, target, row.filename)


def is_there(db: Connection, target: Target) -> bool:
    """Whether a collection that a ticket named is there still; until the transaction ends it stays."""
    live = select(api_keys.c.id).where(api_keys.c.id == target.id, api_keys.c.revoked_at.is_(None))
    return db.execute(live.with_for_update(read=True)).first() is not None


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` tickets that ended before `before`; how many they were."""
    old = select(upload_tickets.c.id).where(upload_tickets.c.expires_at < before).limit(most)
    return int(db.execute(delete(upload_tickets).where(upload_tickets.c.id.in_(old))).rowcount)
