"""What a caller should have on disk (contracts/sx.md R1). Each call is a row of the audit log."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Scope

from dynamic_api.context import Context
from dynamic_api.routes import sx_answers
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode, Quick
from dynamic_api.routes.header_fields import field_of
from dynamic_api.routes.kept import again
from dynamic_api.routes.trace import trace_of
from dynamic_api.server.wire import Wire, lines_of
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, require_all_skills
from dynamic_api.sx.lock import MEDIA_TYPE
from dynamic_api.tasks.accesses import Access

_ETAG = b"etag"
_FIELDS = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization"))
_TYPE = (b"content-type", MEDIA_TYPE.encode())
_LINES, _TYPE_LINE = lines_of(_FIELDS), lines_of([_TYPE])
_NAMES = frozenset({_ETAG, b"content-length", *(name for name, _ in (_TYPE, *_FIELDS))})


async def lock(call: Call) -> Response:
    """The lock, or that nothing has changed."""
    context, caller = call.context, call.caller
    require_all_skills(caller)
    wire = _wire(*await context.locks.lock(caller, field_of(call.request, b"if-none-match")))
    _note(context, call.request.scope, caller, wire, call.now)
    return again(wire)


def _look(context: Context, caller: Caller, shown: str | None) -> Wire | None:
    if caller.allowed is not None or context.accesses.is_full:
        return None
    found = context.locks.at_hand(caller, shown)
    return None if found is None else _wire(*found)


def _wire(etag: str, body: bytes | None) -> Wire:
    tag = (_ETAG, etag.encode())
    lines = b"%betag: %b\r\n" % (_LINES, tag[1])
    if body is None:
        return Wire(304, (tag, *_FIELDS), b"", lines, _NAMES)
    length = b"%d" % len(body)
    fields = (tag, *_FIELDS, _TYPE, (b"content-length", length))
    return Wire(200, fields, body, b"%b%bcontent-length: %b\r\n" % (lines, _TYPE_LINE, length), _NAMES)


def _note(context: Context, scope: Scope, caller: Caller, wire: Wire, now: int) -> None:
    """Raises Unavailable when too many wait: what is not logged is not given."""
    etag = wire.fields[0][1].decode()
    row = audit.row(
        "LOCK_FILE_ACCESSED",
        "lock",
        now=now,
        caller=caller,
        trace=trace_of(context, scope),
        target_name="sx.lock",
        data={"etag": etag, "status": wire.status},
    )
    context.accesses.note(Access(row, now))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/skills/sx.lock",
        name="sx_lock",
        handler=lock,
        mode=Mode.ASYNC,
        quick=Quick(_look, _note),
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="What the caller should have installed; 304 while it is as the ETag says",
        wrap=False,
        media_type=MEDIA_TYPE,
        errors={304: (), 403: ("all_skills_key_required",)},
    ),
)
