"""The audit log as it is read: by filters and pages, newest first; and events brought from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Select, and_, exists, or_, select

from dynamic_api.clock import LATEST, written
from dynamic_api.database.tables import audit_events, skills
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.errors import Forbidden, Invalid
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace

ASSET = "asset"
OPEN = (ASSET, "bot", "collection", "profile", "proposal", "team")
"""What everybody in the organisation may read of; the rest is for the staff, and for who did it."""
MOST_IMPORTED = 5000
_EXPORTED = 1000


class Entry(Struct, frozen=True, kw_only=True):
    """One event. `actor` is an email, "operator", or `bot:slug`; `data` is JSON."""

    id: str
    at: int
    event: str
    actor: str
    target_type: str
    target_name: str
    data: str


class Filter(Struct, frozen=True, kw_only=True):
    """Which events are asked for; None stands for all. Times are in milliseconds."""

    event: str | None = None
    actor: str | None = None
    target: str | None = None
    since: int | None = None
    until: int | None = None


class Line(Struct, frozen=True, kw_only=True):
    """One event, for the operator's eyes."""

    time: str
    event: str
    actor: str
    target: str
    address: str
    data: msgspec.Raw


class Imported(Struct, frozen=True, kw_only=True):
    """An event that happened elsewhere."""

    at: int
    event: str
    target_type: str
    actor: str
    target: str
    data: str


def page(
    db: Connection, caller: Caller, wanted: Filter, after: tuple[int, str] | None, limit: int
) -> list[Entry]:
    """Events that fit and that the caller may read, newest first, from the first one after (time, id)."""
    query = _before(_filtered(wanted), after)
    if not caller.is_staff:
        query = query.where(_readable(caller))
    rows = db.execute(query.limit(limit))
    return [
        Entry(
            id=row.id,
            at=row.at,
            event=row.event,
            actor=row.actor_name,
            target_type=row.target_type,
            target_name=row.target_name,
            data=row.data,
        )
        for row in rows
    ]


def listed(db: Connection, wanted: Filter, limit: int) -> list[Line]:
    """The newest events that fit, newest first."""
    rows = db.execute(_before(_filtered(wanted), None).limit(limit))
    return [
        Line(
            time=written(row.at),
            event=row.event,
            actor=row.actor_name,
            target=f"{row.target_type} {row.target_name}".strip(),
            address=row.address or "",
            data=msgspec.Raw(row.data.encode()),
        )
        for row in rows
    ]


def exported(db: Connection, wanted: Filter) -> Iterator[bytes]:
    """Every event that fits, newest first, as JSON lines with all that is kept of it."""
    after: tuple[int, str] | None = None
    while True:
        query = _before(_filtered(wanted), after)
        rows = db.execute(query.limit(_EXPORTED)).mappings().all()
        for row in rows:
            told = {**row, "at": written(row["at"]), "data": msgspec.Raw(row["data"].encode())}
            yield msgspec.json.encode(told) + b"\n"
        if len(rows) < _EXPORTED:
            return
        after = (rows[-1]["at"], rows[-1]["id"])


def take(db: Connection, caller: Caller, trace: Trace, events: Sequence[Imported], now: int) -> int:
    """Append events of another vault, marked with who brought them. Raises Forbidden, Invalid."""
    if not caller.is_staff:
        mend = "ask an administrator"
        raise Forbidden("permission_denied", "PERMISSION_DENIED: only the staff imports events", mend=mend)
    if len(events) > MOST_IMPORTED:
        raise Invalid("too_many_events", f"at most {MOST_IMPORTED} at once", place="events")
    rows = []
    for number, item in enumerate(events):
        if not 0 <= item.at <= LATEST:
            place, mend = f"events[{number}].timestamp", "give a time from 1970 to 9999"
            raise Invalid("validation_error", "cannot be kept", place=place, mend=mend)
        row = audit.row(item.event, item.target_type, now=item.at, trace=trace, target_name=item.target)
        data = {"imported_by": caller.email, "original": item.data[:20_000]}
        told = msgspec.json.encode(data, order="sorted").decode()
        rows.append(replace(row, actor_name=item.actor[:320], data=told))
    audit.record_all(db, rows)
    audit.record(
        db, "AUDIT_IMPORTED", "audit", now=now, caller=caller, trace=trace, data={"events": len(rows)}
    )
    return len(rows)


def _before(query: Select[Any], after: tuple[int, str] | None) -> Select[Any]:
    event = audit_events.c
    if after is not None:
        query = query.where(or_(event.at < after[0], and_(event.at == after[0], event.id < after[1])))
    return query.order_by(event.at.desc(), event.id.desc())


def _readable(caller: Caller) -> Any:
    """What the caller did, and what concerns everybody: no private asset of somebody else."""
    event, private = audit_events.c, skills.c.namespace.not_in((PUBLISHED, ORGANISATION, caller.user_id))
    others = exists().where(skills.c.id == event.target_id, private)
    shared = and_(event.target_type.in_(OPEN), or_(event.target_type != ASSET, ~others))
    return or_(event.actor_id == caller.user_id, shared)


def _filtered(wanted: Filter) -> Select[Any]:
    event = audit_events.c
    query = select(audit_events)
    for column, value in (
        (event.event, wanted.event),
        (event.actor_name, wanted.actor),
        (event.target_name, wanted.target),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(event.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(event.at < wanted.until)
    return query
