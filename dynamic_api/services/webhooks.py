"""Subscriptions: who is told when an account runs low on credits."""

from __future__ import annotations

import secrets
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from dynamic_api.clock import written
from dynamic_api.database.tables import users, webhook_deliveries, webhooks
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.ids import new_id
from dynamic_api.sealing import Keyring
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.events import FAILED, THRESHOLD_HIT, WAITING

SECRET_PREFIX = "whsec_"  # noqa: S105 - how one begins
EventType = Literal["credits.threshold_hit", "credits.exhausted"]


class Webhook(Struct, frozen=True):
    """A subscription, without its secret. The last delivery has a status, or an error if none came back."""

    id: str
    event_type: str
    threshold_value: int | None
    target_url: str
    enabled: bool
    created_at: str
    last_delivery_status: int | None
    last_delivery_error: str | None
    last_delivery_at: str | None


class NewWebhook(Webhook, frozen=True):
    """A subscription as it is shown once."""

    secret: str


class Wanted(Struct, frozen=True):
    """What a new subscription is to be."""

    event_type: str
    threshold_value: int | None
    target_url: str


class Change(Struct, frozen=True):
    """What is to be set; what is UNSET stays."""

    enabled: bool | UnsetType = UNSET
    threshold_value: int | UnsetType | None = UNSET
    target_url: str | UnsetType = UNSET


def create(
    db: Connection, keys: Keyring, caller: Caller, trace: Trace, wanted: Wanted, most: int, now: int
) -> NewWebhook:
    """A new subscription with its secret. Raises Invalid without a threshold, Conflict at `most`."""
    threshold = _threshold(wanted.event_type, wanted.threshold_value)
    # Two at once count one after the other.
    db.execute(select(users.c.id).where(users.c.id == caller.user_id).with_for_update())
    count = select(func.count()).select_from(webhooks).where(webhooks.c.user_id == caller.user_id)
    if db.execute(count).scalar_one() >= most:
        raise Conflict("too_many_webhooks", f"there are {most} already", mend="delete one that is not needed")
    hook_id, secret = new_id(), SECRET_PREFIX + secrets.token_urlsafe(32)
    row = {
        "id": hook_id,
        "user_id": caller.user_id,
        "event_type": wanted.event_type,
        "threshold_value": threshold,
        "target_url": wanted.target_url,
        "sealed": keys.seal(secret.encode(), about(hook_id)),
        "created_at": now,
    }
    db.execute(insert(webhooks), row)
    _record(db, "WEBHOOK_CREATED", caller, trace, hook_id, wanted.target_url, now)
    found = _webhook(_row(db, caller.user_id, hook_id))
    return NewWebhook(**asdict(found), secret=secret)


def about(hook_id: str) -> str:
    """What the secret of a subscription is sealed for."""
    return f"webhook\0{hook_id}"


def of_account(db: Connection, user_id: str) -> list[Webhook]:
    """The subscriptions of an account, oldest first."""
    rows = db.execute(
        select(webhooks).where(webhooks.c.user_id == user_id).order_by(webhooks.c.created_at, webhooks.c.id)
    )
    return [_webhook(row) for row in rows]


def require(db: Connection, user_id: str, hook_id: str) -> Webhook:
    """One subscription of the account. Raises Absent."""
    return _webhook(_row(db, user_id, hook_id))


def change(db: Connection, caller: Caller, trace: Trace, hook_id: str, wanted: Change, now: int) -> Webhook:
    """Set what is given; disabling ends what waits. Raises Absent, Invalid."""
    row = _row(db, caller.user_id, hook_id)
    values: dict[str, Any] = {}
    if wanted.enabled is not UNSET:
        values["enabled"] = wanted.enabled
    if wanted.threshold_value is not UNSET:
        values["threshold_value"] = _threshold(row.event_type, wanted.threshold_value)
    if wanted.target_url is not UNSET:
        values["target_url"] = wanted.target_url
    if not values:
        return _webhook(row)
    db.execute(update(webhooks).where(webhooks.c.id == hook_id).values(values))
    if wanted.enabled is False:
        waiting = (webhook_deliveries.c.webhook_id == hook_id, webhook_deliveries.c.status == WAITING)
        ended = {"status": FAILED, "error": "webhook_disabled", "finished_at": now, "claimed_until": None}
        db.execute(update(webhook_deliveries).where(*waiting).values(ended))
    _record(db, "WEBHOOK_CHANGED", caller, trace, hook_id, values.get("target_url", row.target_url), now)
    return require(db, caller.user_id, hook_id)


def remove(db: Connection, caller: Caller, trace: Trace, hook_id: str, now: int) -> None:
    """End a subscription, and forget its deliveries. Raises Absent."""
    row = _row(db, caller.user_id, hook_id)
    db.execute(delete(webhooks).where(webhooks.c.id == hook_id))
    _record(db, "WEBHOOK_DELETED", caller, trace, hook_id, row.target_url, now)


def _threshold(event_type: str, value: int | None) -> int | None:
    if event_type != THRESHOLD_HIT:
        return None
    if value is None:
        mend = "give the balance at which to tell, 0 or more"
        raise Invalid("validation_error", f"{event_type} needs it", place="threshold_value", mend=mend)
    return value


def _row(db: Connection, user_id: str, hook_id: str) -> Row[Any]:
    row = db.execute(
        select(webhooks).where(webhooks.c.id == hook_id, webhooks.c.user_id == user_id)
    ).one_or_none()
    if row is None:
        raise Absent("webhook_not_found", "no such webhook", place="id", mend="GET /api/v1/account/webhooks")
    return row


def _record(
    db: Connection, event: str, caller: Caller, trace: Trace, hook_id: str, url: str, now: int
) -> None:
    # The path of a target is often a secret of its own.
    host = url.partition("://")[2].partition("/")[0]
    audit.record(
        db, event, "webhook", now=now, caller=caller, trace=trace, target_id=hook_id, target_name=host
    )


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        row.id,
        row.event_type,
        row.threshold_value,
        row.target_url,
        row.enabled,
        written(row.created_at),
        row.last_delivery_status,
        row.last_delivery_error,
        None if row.last_delivery_at is None else written(row.last_delivery_at),
    )
