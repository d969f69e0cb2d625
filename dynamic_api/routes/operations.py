"""For operators and machines: health, readiness, metrics, and what the API looks like."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

from msgspec import Struct
from sqlalchemy import Connection, text
from starlette.responses import Response

from dynamic_api.errors import Refusal
from dynamic_api.routes.endpoint import Answer, Auth, Call, Endpoint, Mode
from dynamic_api.services import deliveries

STORE_SECONDS = 1.0
"""How long readiness waits for the private store."""


class Health(Struct, frozen=True):
    """The process answers."""

    status: str


class Readiness(Struct, frozen=True):
    """Whether the process can do its work, part by part: ok, degraded (the public goes on) or failing."""

    status: str
    parts: dict[str, str]


async def health(_call: Call) -> Answer:
    return Answer(Health("ok"))


async def ready(call: Call) -> Answer:
    parts = {"database": await _database(call)}
    for name, probe in call.context.probes.items():
        parts[name] = probe()
    good = all(part.startswith("ok") for part in parts.values())
    # Without its private bytes a process still serves what most callers want: it stays in the balance.
    parts["private_store"] = private = await _private_store(call)
    status = "failing" if not good else "ok" if private == "ok" else "degraded"
    return Answer(Readiness(status, parts), 200 if good else 503)


async def _private_store(call: Call) -> str:
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await asyncio.to_thread(call.context.private_store.ready)
    except TimeoutError:
        return f"does not answer within {STORE_SECONDS} s"
    except Refusal as refusal:
        return refusal.message
    return "ok"


async def _database(call: Call) -> str:
    def ask(db: Connection) -> str:
        db.execute(text("SELECT version_num FROM alembic_version"))
        return "ok"

    try:
        return await call.context.database.read(ask)
    except Refusal as refusal:
        return refusal.message


async def metrics(call: Call) -> Response:
    context = call.context
    length, seconds = math.nan, math.nan
    with suppress(Refusal):
        # Without a database the rest is told all the same.
        queue = await context.database.read(lambda db: deliveries.queue(db, call.now))
        length, seconds = queue.waiting, queue.overdue_seconds
    context.metrics.queue_length.set(length)
    context.metrics.queue_seconds.set(seconds)
    return Response(call.context.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/healthz",
        name="health",
        handler=health,
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        tag="Operation",
        summary="Whether the process answers",
        answer=Health,
        wrap=False,
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        name="ready",
        handler=ready,
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        tag="Operation",
        summary="Whether it can do its work; 503 when a part fails",
        answer=Readiness,
        wrap=False,
        errors={503: ()},
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        name="metrics",
        handler=metrics,
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        tag="Operation",
        summary="Metrics in Prometheus' text format",
        wrap=False,
        media_type="text/plain",
    ),
)
