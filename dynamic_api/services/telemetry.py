"""What clients report of their commands, and whose it becomes (contracts/skillzdrive.md 10)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from dynamic_api.clock import written
from dynamic_api.database.tables import install_ids, telemetry_events
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Conflict
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace

_TURN = 0x7E1E_3E72


class Event(Struct, frozen=True):
    """One command of a client. `details` is JSON."""

    install_id: str
    event_type: str
    cli_version: str
    os: str
    skill_slugs: tuple[str, ...]
    source_types: tuple[str, ...]
    details: bytes
    at: int


class Adopted(Struct, frozen=True):
    """An install id that is the caller's now, and how many earlier events became theirs by this call."""

    install_id: str
    claimed_at: str
    events_adopted: int


def store(db: Connection, events: Sequence[Event], public: Collection[str]) -> None:
    """Keep `events`. Of the slugs only those in `public` stay: others could tell what somebody works on."""
    _take_turn(db, "pg_advisory_xact_lock_shared")
    shown = {event.install_id for event in events}
    claimed = db.execute(
        select(install_ids.c.install_id, install_ids.c.user_id).where(install_ids.c.install_id.in_(shown))
    )
    owners = {row.install_id: row.user_id for row in claimed}
    rows = [
        {
            "id": new_id(),
            "install_id": event.install_id,
            "user_id": owners.get(event.install_id),
            "event_type": event.event_type,
            "cli_version": event.cli_version,
            "os": event.os,
            "skill_slugs": _json([slug for slug in event.skill_slugs if slug in public]),
            "source_types": _json(event.source_types),
            "details": event.details.decode(),
            "at": event.at,
        }
        for event in events
    ]
    db.execute(insert(telemetry_events), rows)


def adopt(db: Connection, caller: Caller, trace: Trace, install_id: str, now: int) -> Adopted:
    """Make `install_id` and its events the caller's; a repeat changes nothing. Raises Conflict."""
    _take_turn(db, "pg_advisory_xact_lock")
    row = {"install_id": install_id, "user_id": caller.user_id, "claimed_at": now}
    is_new = insert_absent(db, install_ids, [row]) > 0
    held = db.execute(select(install_ids).where(install_ids.c.install_id == install_id)).one()
    if held.user_id != caller.user_id:
        raise Conflict(
            "install_id_claimed",
            "another account has claimed this install id",
            place="install_id",
            mend="make a new install id on this machine",
        )
    theirs = (telemetry_events.c.install_id == install_id, telemetry_events.c.user_id.is_(None))
    adopted = db.execute(update(telemetry_events).where(*theirs).values(user_id=caller.user_id)).rowcount
    if is_new:
        audit.record(
            db,
            "INSTALL_ADOPTED",
            "install",
            now=now,
            caller=caller,
            trace=trace,
            target_name=install_id,
            data={"events": adopted},
        )
    return Adopted(install_id, written(held.claimed_at), adopted)


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` events from before `before`; how many they were."""
    old = select(telemetry_events.c.id).where(telemetry_events.c.at < before).limit(most)
    return int(db.execute(delete(telemetry_events).where(telemetry_events.c.id.in_(old))).rowcount)


def _take_turn(db: Connection, lock: str) -> None:
    """Let events be stored before an adoption, or after it. SQLite has one writer.

    Stored beside one, they would not see the claim, and it would not see them.
    """
    if db.dialect.name == "postgresql":
        db.execute(select(getattr(func, lock)(_TURN)))


def _json(texts: Sequence[str]) -> str:
    return msgspec.json.encode(texts).decode()
