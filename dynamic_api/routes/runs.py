"""Runs of scripts (contracts/skillzdrive.md row 27, 7), and what scripts a skill has."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dynamic_api.errors import TooLarge
from dynamic_api.routes import answers
from dynamic_api.routes.base import REPLAYED, once_of
from dynamic_api.routes.endpoint import Auth, Body, Call, Endpoint, Mode
from dynamic_api.routes.run_stream import Listener, streamed
from dynamic_api.runs.attempt import CLIENT_GONE, STOPPING, Asked, Attempt
from dynamic_api.runs.reply import Reply, Result
from dynamic_api.services import run_choice

MOST_ARGS = 1000


class Wanted(Body, frozen=True, kw_only=True, rename="camel"):
    """Body of a run. `sessionMinutes` and `stream` are ours; the reference has neither."""

    skill_slug: Annotated[str, Meta(min_length=1, max_length=200)]
    script_name: Annotated[str, Meta(min_length=1, max_length=512)]
    args: tuple[str, ...] = ()
    stdin: str | None = None
    session_id: Annotated[str, Meta(max_length=64)] | None = None
    reuse_session: bool = False
    session_minutes: Literal[5, 30] | None = None
    stream: bool = False


class ScriptRow(Struct, frozen=True):
    """A script that can be run by exactly this name; `language` is null when nothing here runs it."""

    name: str
    path: str
    language: str | None


class Scripts(Struct, frozen=True, kw_only=True):
    """The scripts of a skill, and what a run of one needs and costs."""

    slug: str
    version: int
    content_sha: str
    scripts: tuple[ScriptRow, ...]
    required_env_vars: tuple[str, ...] = field(name="requiredEnvVars")
    execution_tier: str | None
    credit_cost_per_use: int
    credit_cost_30_minutes: int


async def run(call: Call) -> Response:
    """Runs until the script ends, or until the client leaves."""
    wanted: Wanted = call.body
    _require_few(wanted.args)
    asked = Asked(
        slug=wanted.skill_slug,
        script=wanted.script_name,
        args=wanted.args,
        stdin=(wanted.stdin or "").encode(),
        session_id=wanted.session_id,
        reuse=wanted.reuse_session,
        minutes=wanted.session_minutes,
    )
    once = once_of(RUN, call)
    listener = Listener() if wanted.stream else None
    attempt, task = call.context.runs.begin(
        call.caller, call.trace, asked, once, listener.heard if listener else None
    )
    if listener is not None:
        return await streamed(attempt, task, listener, whole=_whole)
    return await _ended(call.request, attempt, task)


def _require_few(args: tuple[str, ...]) -> None:
    if len(args) > MOST_ARGS:
        raise TooLarge(
            "args_too_large",
            f"more than {MOST_ARGS} arguments",
            place="body.args",
            mend="send them as stdin or as an input file",
        )


async def _ended(request: Request, attempt: Attempt, task: asyncio.Task[Reply]) -> Response:
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            attempt.leave(CLIENT_GONE)
            await asyncio.wait({task})
    except asyncio.CancelledError:
        # The server stops: there is time left to say so, for the script dies at once.
        attempt.leave(STOPPING)
        await asyncio.wait({task})
    finally:
        leaving.cancel()
    return _whole(task.result())


async def _left(request: Request) -> None:
    """Ends when the client has gone."""
    with suppress(ClientDisconnect):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _whole(reply: Reply) -> Response:
    headers = REPLAYED if reply.replayed else {}
    return answers.answered(reply.stored.body, reply.stored.status, headers)


async def scripts(call: Call) -> Scripts:
    context, slug = call.context, call.path["slug"]
    choice = await context.database.read(
        lambda db: run_choice.choose(db, context.published, call.caller, slug, place="slug")
    )
    unpacked = await context.runs.parts.shelf.get(
        choice.slug, choice.sha256, is_published=choice.is_published
    )
    return Scripts(
        slug=choice.slug,
        version=choice.ordinal,
        content_sha=choice.sha256,
        scripts=tuple(ScriptRow(row.name, row.path, row.language) for row in unpacked.scripts),
        required_env_vars=unpacked.required_env,
        execution_tier="local" if unpacked.is_local else None,
        credit_cost_per_use=choice.price,
        credit_cost_30_minutes=choice.price * context.settings.credits.run_30min_factor,
    )


RUN = Endpoint(
    method="POST",
    path="/api/v1/runs",
    name="run",
    handler=run,
    mode=Mode.ASYNC,
    auth=Auth.KEY,
    tag="Runs",
    summary="Run a script of a skill in the sandbox, until it ends",
    body=Wanted,
    answer=Result,
    costs=True,
    most=lambda settings: settings.runs.body_bytes,
    errors={
        402: ("insufficient_credits",),
        404: ("skill_not_found", "script_not_found", "session_not_found"),
        409: ("session_busy", "run_cancelled", "idempotency_key_reused", "idempotency_in_progress"),
        410: ("withdrawn",),
        413: ("args_too_large", "stdin_too_large", "payload_too_large"),
        422: ("missing_credentials", "local_only", "script_unsupported", "dependencies_missing"),
        429: ("quota_exceeded", "too_many_runs", "too_many_sessions"),
        503: ("sandbox_unavailable", "session_elsewhere", "queue_full", "queue_timeout", "server_stopping"),
        504: ("script_timeout",),
    },
)

ENDPOINTS = (
    RUN,
    Endpoint(
        method="GET",
        path="/api/v1/skills/{slug}/scripts",
        name="skill_scripts",
        handler=scripts,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Runs",
        summary="The exact names of a skill's scripts, and what a run needs and costs",
        answer=Scripts,
        errors={404: ("skill_not_found",), 410: ("withdrawn",)},
    ),
)
