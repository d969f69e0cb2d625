"""What sx tells and asks beside its assets: usage, profiles, questions (contracts/sx.md R7 to R10)."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from dynamic_api.ai_query.sse import MEDIA_TYPE, events
from dynamic_api.ai_query.stream import stream
from dynamic_api.routes import forms, sx_answers
from dynamic_api.routes.endpoint import Answer, Auth, Call, Endpoint, Mode
from dynamic_api.services import profiles
from dynamic_api.services.asset_usage import Report
from dynamic_api.services.caller import require_all_skills
from dynamic_api.services.profiles import Profile, Profiles
from dynamic_api.sx.usage import require_usage

USAGE_BYTES = 16 * 1024 * 1024
QUICK_BYTES = 64 * 1024
"""A report up to this size is read on the loop: that takes less than a thread."""


class Chosen(Struct, frozen=True):
    """A bare profile would make sx panic."""

    profile: Profile | None


class Choice(Struct, frozen=True):
    """null puts none in force."""

    slug: str | None = None


class Asked(Struct, frozen=True):
    """Whatever was sent: what is wrong with it is told in the stream, which is all that sx reads."""

    query: Any = None
    provider: Any = None
    context: Any = None


async def report_usage(call: Call) -> Response:
    """Exactly 204, once all of it is on disk; or nothing of it was counted."""
    raw = await forms.raw_body(call.request, USAGE_BYTES)
    caller, now = call.caller, call.now
    if await _has_events(raw):
        report = Report(received_at=now, reporter_id=caller.user_id, actor=caller.email, body=raw)
        await call.context.usage.keep(report)
    return Response(status_code=204)


async def _has_events(raw: bytes) -> bool:
    if len(raw) <= QUICK_BYTES:
        return require_usage(raw)
    return await asyncio.to_thread(require_usage, raw)


def list_profiles(db: Connection, call: Call) -> Profiles:
    require_all_skills(call.caller)
    return profiles.of(db, call.caller)


def choose_profile(db: Connection, call: Call) -> Answer:
    require_all_skills(call.caller)
    return Answer(Chosen(profiles.choose(db, call.caller, call.trace, call.body.slug, call.now)))


async def ask(call: Call) -> Response:
    """An answer, frame by frame. A client that vanishes ends it."""
    body, settings = call.body, call.context.settings.ai_query
    frames = stream(body.query, body.provider, body.context, settings)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(frames, settings.heartbeat_seconds), 200, headers, MEDIA_TYPE)


_UNKNOWN = {404: ("profile_not_found",), 403: ("all_skills_key_required",)}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/skills/usage",
        name="sx_usage",
        handler=report_usage,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="Uses of assets as JSON lines; one that is sent again counts once",
        status=204,
        wrap=False,
        errors={400: ("usage-line-invalid",), 413: ("usage-line-too-long", "usage-too-many-lines")},
    ),
    Endpoint(
        method="GET",
        path="/api/skills/sx.profiles",
        name="sx_profiles",
        handler=list_profiles,
        mode=Mode.READ,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="Profiles, and the one in force",
        answer=Profiles,
        wrap=False,
        errors={403: ("all_skills_key_required",)},
    ),
    Endpoint(
        method="POST",
        path="/api/skills/sx.profiles/active",
        name="sx_profile_choose",
        handler=choose_profile,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="Put a profile in force, or none",
        body=Choice,
        answer=Chosen,
        wrap=False,
        errors=_UNKNOWN,
    ),
    Endpoint(
        method="POST",
        path="/api/skills/ai-query/stream",
        name="sx_ai_query",
        handler=ask,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="Ask about a repository's issues, changes and builds; the answer is a stream of events",
        body=Asked,
        wrap=False,
        media_type=MEDIA_TYPE,
    ),
)
