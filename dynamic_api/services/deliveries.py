"""The queue of deliveries: taken under a lease, settled once, kept as a log."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, Select, delete, desc, func, or_, select, update

from dynamic_api.clock import written
from dynamic_api.database.tables import webhook_deliveries as deliveries
from dynamic_api.database.tables import webhooks as hooks
from dynamic_api.errors import Absent, Conflict
from dynamic_api.sealing import Keyring
from dynamic_api.sections import Webhooks
from dynamic_api.services import audit, webhooks
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.events import DELIVERED, FAILED, WAITING

NEWEST = 50
LEASE_SLACK_MS = 15_000
"""What a lease is longer than the deadline of a delivery."""


class Delivery(Struct, frozen=True):
    """One line of the log. `status` is waiting, delivered or failed."""

    id: str
    event_type: str
    status: str
    attempts: int
    response_status: int | None
    error: str | None
    created_at: str
    due_at: str
    finished_at: str | None


class Claim(Struct, frozen=True):
    """A delivery that is ours until `until`, with what it takes to send it."""

    id: str
    webhook_id: str
    event_type: str
    target_url: str
    body: bytes
    sealed: bytes
    attempts: int
    until: int


class Outcome(Struct, frozen=True):
    """What came of a try: the status that was answered, or the code of what went wrong."""

    status: int | None
    error: str | None = None

    @property
    def good(self) -> bool:
        """Whether the receiver took it. A redirect is not followed, so it did not."""
        return self.status is not None and 200 <= self.status < 300


class Queue(Struct, frozen=True):
    """What waits: how many, and how many seconds ago the oldest should have gone out."""

    waiting: int
    overdue_seconds: float


def any_due(db: Connection, now: int) -> bool:
    """Whether `claim` would give something: cheap, and asked first."""
    return db.execute(_due(now, 1)).first() is not None


def claim(db: Connection, now: int, most: int, rules: Webhooks) -> list[Claim]:
    """Up to `most` deliveries that are due, which nobody else takes before the lease is over."""
    until = now + int(rules.timeout_seconds * 1000) + LEASE_SLACK_MS
    # A CTE is worked out once; PostgreSQL may run a plain subquery again, and lock more.
    due = _due(now, most).with_for_update(skip_locked=True).cte("due")
    taken = db.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(select(due.c.id)))
        .values(claimed_until=until, attempts=deliveries.c.attempts + 1)
        .returning(deliveries.c.id)
    ).scalars()
    found = db.execute(
        select(deliveries, hooks.c.target_url, hooks.c.sealed)
        .join_from(deliveries, hooks, deliveries.c.webhook_id == hooks.c.id)
        .where(deliveries.c.id.in_(taken.all()))
    )
    return [
        Claim(
            row.id,
            row.webhook_id,
            row.event_type,
            row.target_url,
            row.body,
            row.sealed,
            row.attempts,
            until,
        )
        for row in found
    ]


def _due(now: int, most: int) -> Select[Any]:
    free = or_(deliveries.c.claimed_until.is_(None), deliveries.c.claimed_until <= now)
    return (
        select(deliveries.c.id)
        .where(deliveries.c.status == WAITING, deliveries.c.due_at <= now, free)
        .order_by(deliveries.c.due_at)
        .limit(most)
    )


def queue(db: Connection, now: int) -> Queue:
    """How much waits, and for how long the oldest delivery that is due."""
    count, due_at = db.execute(
        select(func.count(), func.min(deliveries.c.due_at)).where(deliveries.c.status == WAITING)
    ).one()
    return Queue(count, 0.0 if due_at is None else max(0, now - due_at) / 1000)


def settle(db: Connection, taken: Claim, outcome: Outcome, rules: Webhooks, now: int) -> str | None:
    """Write down what came of it; what the delivery is now, or None when the lease ran out meanwhile."""
    values: dict[str, Any] = {
        "claimed_until": None,
        "response_status": outcome.status,
        "error": outcome.error,
    }
    status = WAITING
    if outcome.good or taken.attempts > rules.retries:
        status = DELIVERED if outcome.good else FAILED
        values |= {"status": status, "finished_at": now}
    else:
        values |= {"due_at": now + int(rules.backoff_seconds * 1000 * 2 ** (taken.attempts - 1))}
    ours = (deliveries.c.id == taken.id, deliveries.c.claimed_until == taken.until)
    if not db.execute(update(deliveries).where(*ours).values(values)).rowcount:
        return None
    last = {
        "last_delivery_status": outcome.status,
        "last_delivery_error": outcome.error,
        "last_delivery_at": now,
    }
    db.execute(update(hooks).where(hooks.c.id == taken.webhook_id).values(last))
    return status


def headers(taken: Claim, keys: Keyring) -> dict[str, str]:
    """What is sent beside the body. Raises Unopened."""
    secret = keys.open(taken.sealed, webhooks.about(taken.webhook_id))
    return {
        "Content-Type": "application/json",
        "X-Skillzdrive-Event": taken.event_type,
        "X-Skillzdrive-Signature": f"sha256={hmac.new(secret, taken.body, hashlib.sha256).hexdigest()}",
        "X-Skillzdrive-Delivery": taken.id,
    }


def log(db: Connection, user_id: str, hook_id: str) -> list[Delivery]:
    """The newest deliveries of a subscription, newest first. Raises Absent."""
    webhooks.require(db, user_id, hook_id)
    rows = db.execute(
        select(deliveries)
        .where(deliveries.c.webhook_id == hook_id)
        .order_by(desc(deliveries.c.created_at), desc(deliveries.c.id))
        .limit(NEWEST)
    )
    return [_delivery(row) for row in rows]


def replay(
    db: Connection, caller: Caller, trace: Trace, hook_id: str, delivery_id: str, now: int
) -> Delivery:
    """Send the same body under the same id once more. Raises Absent; Conflict while it waits anyway."""
    hook = webhooks.require(db, caller.user_id, hook_id)
    if not hook.enabled:
        raise Conflict("webhook_disabled", "this webhook is disabled", mend='PATCH it with {"enabled": true}')
    where = (deliveries.c.id == delivery_id, deliveries.c.webhook_id == hook_id)
    again = {"status": WAITING, "attempts": 0, "due_at": now, "claimed_until": None, "finished_at": None}
    done = update(deliveries).where(*where, deliveries.c.status != WAITING).values(again)
    if not db.execute(done).rowcount:
        if db.execute(select(deliveries.c.id).where(*where)).first() is None:
            raise Absent("delivery_not_found", "no such delivery", place="delivery_id")
        raise Conflict("delivery_waiting", "this delivery is still waiting", mend="look again later")
    audit.record(db, "WEBHOOK_REPLAYED", "webhook", now=now, caller=caller, trace=trace, target_id=hook_id)
    return _delivery(db.execute(select(deliveries).where(*where)).one())


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` deliveries that were finished before `before`; how many they were."""
    old = select(deliveries.c.id).where(deliveries.c.finished_at < before).limit(most)
    return int(db.execute(delete(deliveries).where(deliveries.c.id.in_(old))).rowcount)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.id,
        row.event_type,
        row.status,
        row.attempts,
        row.response_status,
        row.error,
        written(row.created_at),
        written(row.due_at),
        None if row.finished_at is None else written(row.finished_at),
    )
