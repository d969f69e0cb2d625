"""Webhooks of the caller's account (contracts/skillzdrive.md rows 29 to 31 and 6), their log, and replay."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode
from dynamic_api.services import deliveries, targets, webhooks
from dynamic_api.services.deliveries import Delivery
from dynamic_api.services.webhooks import Change, EventType, NewWebhook, Wanted, Webhook

_PATH = "/api/v1/account/webhooks"
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Threshold = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class NewBody(Body, frozen=True):
    """A subscription; `threshold_value` is for credits.threshold_hit and ignored otherwise."""

    event_type: EventType
    target_url: Url
    threshold_value: Threshold | None = None


class ChangeBody(Body, frozen=True):
    """What is to be changed."""

    enabled: bool | UnsetType = UNSET
    threshold_value: Threshold | UnsetType | None = UNSET
    target_url: Url | UnsetType = UNSET


class Webhooks(Struct, frozen=True):
    """The subscriptions of an account."""

    webhooks: list[Webhook]


class Deliveries(Struct, frozen=True):
    """The newest deliveries, newest first."""

    deliveries: list[Delivery]


def list_webhooks(db: Connection, call: Call) -> Webhooks:
    return Webhooks(webhooks.of_account(db, call.caller.user_id))


async def create_webhook(call: Call) -> NewWebhook:
    context, body, rules = call.context, call.body, call.context.settings.webhooks
    await targets.require_fit(context.webhook_client, body.target_url, rules.timeout_seconds)
    wanted = Wanted(body.event_type, body.threshold_value, body.target_url)
    return await context.database.write(
        lambda db: webhooks.create(
            db, context.keys, call.caller, call.trace, wanted, rules.per_account, call.now
        )
    )


async def change_webhook(call: Call) -> Webhook:
    context, body = call.context, call.body
    if body.target_url is not UNSET:
        seconds = context.settings.webhooks.timeout_seconds
        await targets.require_fit(context.webhook_client, body.target_url, seconds)
    wanted = Change(body.enabled, body.threshold_value, body.target_url)
    return await context.database.write(
        lambda db: webhooks.change(db, call.caller, call.trace, call.path["id"], wanted, call.now)
    )


def delete_webhook(db: Connection, call: Call) -> Answer:
    webhooks.remove(db, call.caller, call.trace, call.path["id"], call.now)
    return Answer(None, 204)


def list_deliveries(db: Connection, call: Call) -> Deliveries:
    return Deliveries(deliveries.log(db, call.caller.user_id, call.path["id"]))


def replay_delivery(db: Connection, call: Call) -> Delivery:
    path = call.path
    return deliveries.replay(db, call.caller, call.trace, path["id"], path["delivery_id"], call.now)


_MISSING = {404: ("webhook_not_found",)}
_BAD_TARGET = {400: ("validation_error", "bad_url"), 422: ("address_refused", "host_unknown", "port_refused")}

ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_PATH,
        name="webhooks_list",
        handler=list_webhooks,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Account",
        summary="Webhooks, without their secrets",
        answer=Webhooks,
    ),
    Endpoint(
        method="POST",
        path=_PATH,
        name="webhooks_create",
        handler=create_webhook,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Account",
        summary="Subscribe to an event; the secret is shown this once",
        body=NewBody,
        answer=NewWebhook,
        status=201,
        errors={**_BAD_TARGET, 409: ("too_many_webhooks",)},
    ),
    Endpoint(
        method="PATCH",
        path=f"{_PATH}/{{id}}",
        name="webhooks_change",
        handler=change_webhook,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Account",
        summary="Enable, disable, or set the threshold or the address",
        body=ChangeBody,
        answer=Webhook,
        errors={**_BAD_TARGET, **_MISSING},
    ),
    Endpoint(
        method="DELETE",
        path=f"{_PATH}/{{id}}",
        name="webhooks_delete",
        handler=delete_webhook,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Account",
        summary="End a subscription",
        status=204,
        errors=_MISSING,
    ),
    Endpoint(
        method="GET",
        path=f"{_PATH}/{{id}}/deliveries",
        name="webhooks_deliveries",
        handler=list_deliveries,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Account",
        summary="The 50 newest deliveries, newest first",
        answer=Deliveries,
        errors=_MISSING,
    ),
    Endpoint(
        method="POST",
        path=f"{_PATH}/{{id}}/deliveries/{{delivery_id}}/replay",
        name="webhooks_replay",
        handler=replay_delivery,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Account",
        summary="Send a finished delivery once more",
        answer=Delivery,
        status=202,
        errors={
            404: ("webhook_not_found", "delivery_not_found"),
            409: ("delivery_waiting", "webhook_disabled"),
        },
    ),
)
