"""Logins of devices: kept while they wait for a browser, decided once, and worth one token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from dynamic_api.clock import MINUTE
from dynamic_api.database.tables import device_grants
from dynamic_api.errors import Absent, Forbidden
from dynamic_api.services import audit, identities, keys
from dynamic_api.services.caller import Caller, Trace, require_all_skills
from dynamic_api.services.keys import KeyOptions
from dynamic_api.sx import device
from dynamic_api.sx.device import Grant, Polled, Started

_REMEMBERED = 60 * MINUTE
"""How long a device that asks too late is told why."""
_GRANT = (
    "device_sha256",
    "user_code",
    "client_id",
    "state",
    "interval_seconds",
    "subject",
    "identity_id",
)


class Answer(Struct, frozen=True):
    """What a device gets: a token, or why not yet."""

    token: str | None
    polled: Polled


def start(db: Connection, randomness: bytes, client_id: str, now: int) -> Started:
    """Begin a login; those that are long over go away with it. Raises Invalid."""
    started = device.start(randomness, client_id, _time(now))
    db.execute(delete(device_grants).where(device_grants.c.expires_at < now - _REMEMBERED))
    db.execute(insert(device_grants), _row(started.grant))
    return started


def poll(db: Connection, grant_type: str, code: str, client_id: str, trace: Trace, now: int) -> Answer:
    """What the device may have now. A token is made for the first question after the approval only."""
    grant = _one(db, device_grants.c.device_sha256 == device.device_sha256(code), lock=True)
    polled = device.poll(grant, grant_type, client_id, _time(now))
    if polled.grant is None:
        return Answer(None, polled)
    kept = _keep(db, polled.grant, grant)
    if polled.error:
        return Answer(None, polled)
    if not kept or grant is None or grant.subject is None:
        return Answer(None, Polled(None, "invalid_grant", "the device code has been used"))
    if grant.identity_id is not None and not identities.is_bound(db, grant.identity_id):
        return Answer(None, Polled(None, "access_denied", "the sign-in that approved it was taken back"))
    return Answer(_token(db, grant.subject, grant, trace, now), polled)


def waiting(db: Connection, user_code: str, now: int) -> Grant:
    """The login with this code, while it waits. Raises Absent."""
    code = device.normalized(user_code)
    grant = _one(db, device_grants.c.user_code == code) if code else None
    if grant is None or device.is_expired(grant, _time(now)) or grant.state != device.PENDING:
        raise Absent(
            "device-code-unknown",
            "no login waits for this code",
            place="user_code",
            mend="type the code as the device shows it, or start the login there again",
        )
    return grant


def decide(
    db: Connection,
    caller: Caller,
    trace: Trace,
    user_code: str,
    approved: bool,
    now: int,
    identity_id: str = "",
) -> None:
    """Approve or refuse the login, once, as whoever signed in with a key or by `identity_id`.

    Raises Absent, Conflict, Forbidden for a key of less than all.
    """
    require_all_skills(caller)
    if caller.is_bot:
        raise Forbidden("access_denied", "a bot cannot approve a login", mend="sign in as an account")
    grant = waiting(db, user_code, now)
    at, who = _time(now), caller.user_id
    verdict = device.approve(grant, who, at, identity_id or None) if approved else device.deny(grant, who, at)
    if not _keep(db, verdict, grant):
        raise Absent("device-code-unknown", "the login was decided meanwhile", place="user_code")
    event = "LOGIN_APPROVED" if approved else "LOGIN_DENIED"
    data = {"client": grant.client_id}
    audit.record(
        db, event, "login", now=now, caller=caller, trace=trace, target_name=grant.user_code, data=data
    )


def _token(db: Connection, user_id: str, grant: Grant, trace: Trace, now: int) -> str:
    """A key of all skills, without an end: sx renews nothing. It is listed and revoked as any other."""
    name = f"{grant.client_id} {grant.user_code} {_time(now):%Y-%m-%d}"[: keys.NAME_LENGTH].replace("/", "-")
    made = keys.create(db, user_id, name, KeyOptions(identity_id=grant.identity_id), now=now)
    audit.record(
        db,
        "KEY_CREATED",
        "key",
        now=now,
        trace=trace,
        target_id=made.id,
        target_name=name,
        data={"by": "device login", "owner": user_id},
    )
    return made.secret


def _one(db: Connection, condition: Any, *, lock: bool = False) -> Grant | None:
    query = select(device_grants).where(condition)
    row = db.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return Grant(
        **{name: getattr(row, name) for name in _GRANT},
        created=_time(row.created_at),
        expires=_time(row.expires_at),
        polled=None if row.polled_at is None else _time(row.polled_at),
    )


def _keep(db: Connection, grant: Grant, before: Grant | None) -> bool:
    """Whether `grant` took the place of what was read; somebody may have been faster."""
    state = before.state if before else grant.state
    same = (device_grants.c.device_sha256 == grant.device_sha256, device_grants.c.state == state)
    return bool(db.execute(update(device_grants).where(*same).values(_row(grant))).rowcount)


def _row(grant: Grant) -> dict[str, object]:
    return {
        **{name: getattr(grant, name) for name in _GRANT},
        "created_at": _milliseconds(grant.created),
        "expires_at": _milliseconds(grant.expires),
        "polled_at": None if grant.polled is None else _milliseconds(grant.polled),
    }


def _time(now: int) -> datetime:
    return datetime.fromtimestamp(now / 1000, UTC)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
