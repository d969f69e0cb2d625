"""Events of an account's balance, decided in the transaction that moves it (contracts/skillzdrive.md 6).

What decides is the balance before and after one entry of the ledger, so a crossing counts once, and counts
again only after the balance was above the threshold in between. Nothing has to be remembered for that.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, exists, insert, select, true

from dynamic_api.clock import written
from dynamic_api.database.tables import webhook_deliveries, webhooks
from dynamic_api.ids import new_id

THRESHOLD_HIT, EXHAUSTED = "credits.threshold_hit", "credits.exhausted"
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"

IS_HEARD = (
    exists().where(webhooks.c.user_id == bindparam("account"), webhooks.c.enabled == true()).label("is_heard")
)
"""Whether the account has a subscription at all: to be asked for with its balance."""
# The lock (PostgreSQL) keeps a subscription from being deleted before its delivery is in.
_SUBSCRIBED = (
    select(webhooks.c.id, webhooks.c.event_type, webhooks.c.threshold_value)
    .where(webhooks.c.user_id == bindparam("user_id"), webhooks.c.enabled == true())
    .with_for_update(read=True, key_share=True)
)


class Event(Struct, frozen=True):
    """What a receiver is sent. `threshold` is null when the balance is exhausted."""

    event: str
    owner_user_id: str
    credits_remaining: int
    threshold: int | None
    timestamp: str


def notice(db: Connection, user_id: str, before: int, after: int, now: int) -> None:
    """Put a delivery into the queue of each subscription for which this movement is an event."""
    if after >= before:
        return
    rows = [
        {
            "id": new_id(),
            "webhook_id": hook.id,
            "event_type": hook.event_type,
            "body": msgspec.json.encode(
                Event(hook.event_type, user_id, after, hook.threshold_value, written(now))
            ),
            "status": WAITING,
            "created_at": now,
            "due_at": now,
        }
        for hook in db.execute(_SUBSCRIBED, {"user_id": user_id})
        if is_crossed(hook.event_type, hook.threshold_value, before, after)
    ]
    if rows:
        db.execute(insert(webhook_deliveries), rows)


def is_crossed(event_type: str, threshold: int | None, before: int, after: int) -> bool:
    """Whether the balance came down to the threshold, or to nothing, by this one movement."""
    limit = 0 if event_type == EXHAUSTED else threshold
    return limit is not None and before > limit >= after
