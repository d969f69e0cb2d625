"""Telemetry and adoption (contracts/skillzdrive.md rows 34, 35, and 10)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from dynamic_api.errors import Invalid
from dynamic_api.routes.answers import answered, encode
from dynamic_api.routes.endpoint import Auth, Body, Call, Endpoint, Mode
from dynamic_api.services import telemetry
from dynamic_api.services.telemetry import Adopted, Event

METADATA_BYTES = 4096
_UUID4 = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}\Z"
InstallId = Annotated[str, Meta(pattern=_UUID4, max_length=36)]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Slug = Annotated[str, Meta(min_length=1, max_length=200)]
SourceType = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
EventType = Literal["install", "sync", "update", "audit", "scan", "init_defaults", "login"]


class EventBody(Body, frozen=True):
    """One command of a client."""

    install_id: InstallId
    event_type: EventType
    cli_version: Word
    os: Word
    skill_slugs: Annotated[tuple[Slug, ...], Meta(max_length=100)] = ()
    source_types: Annotated[tuple[SourceType, ...], Meta(max_length=20)] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


class AdoptBody(Body, frozen=True):
    """The install id of a machine."""

    install_id: InstallId


class Recorded(Struct, frozen=True):
    """Whether the event is kept: not when the client, or the operator, wants none."""

    recorded: bool


_ANSWERS = {kept: encode(Recorded(kept)) for kept in (True, False)}


async def record(call: Call) -> Response:
    kept = call.context.inbox.take(_event(call.body, call.now), opted_out=opted_out(call.request))
    return answered(_ANSWERS[kept], 202, {})


def opted_out(request: Request) -> bool:
    """Whether the client asks not to be tracked: `DNT: 1`, or `Sec-GPC: 1`."""
    return "1" in {request.headers.get("dnt"), request.headers.get("sec-gpc")}


def _event(body: EventBody, now: int) -> Event:
    details = msgspec.json.encode(body.metadata)
    if len(details) > METADATA_BYTES:
        message = f"has {len(details)} bytes, more than {METADATA_BYTES}"
        raise Invalid("validation_error", message, place="body.metadata", mend="send counts only")
    return Event(
        body.install_id.lower(),
        body.event_type,
        body.cli_version,
        body.os,
        body.skill_slugs,
        body.source_types,
        details,
        now,
    )


def adopt(db: Connection, call: Call) -> Adopted:
    return telemetry.adopt(db, call.caller, call.trace, call.body.install_id.lower(), call.now)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/telemetry/anonymous",
        name="telemetry",
        handler=record,
        mode=Mode.ASYNC,
        auth=Auth.ANONYMOUS,
        tag="Telemetry",
        summary="Report a command; `DNT: 1` or `Sec-GPC: 1` keeps it out",
        body=EventBody,
        answer=Recorded,
        status=202,
        limit="telemetry",
        errors={503: ("telemetry_full",)},
    ),
    Endpoint(
        method="POST",
        path="/api/v1/migrations/anonymous-adopt",
        name="adopt",
        handler=adopt,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Telemetry",
        summary="Claim an install id, and its earlier events",
        body=AdoptBody,
        answer=Adopted,
        errors={409: ("install_id_claimed",)},
    ),
)
