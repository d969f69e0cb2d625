"""Sessions of runs: listed, their files read and written, closed. Only for whom they belong to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct, field
from starlette.responses import Response, StreamingResponse

from dynamic_api.clock import written
from dynamic_api.errors import Invalid
from dynamic_api.routes.answers import answered, encode
from dynamic_api.routes.endpoint import Answer, Auth, Call, Endpoint, Mode, Query
from dynamic_api.routes.forms import raw_body
from dynamic_api.runs.sessions import Session

CHUNK = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_BYTES = "application/octet-stream"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Accept-Ranges": "bytes"}
_ELSEWHERE = ("session_elsewhere",)
_ONE = "/api/v1/runs/sessions/{sessionId}"
_FILE = _ONE + "/files/{path:path}"


class Row(Struct, frozen=True):
    """An open session."""

    session_id: str = field(name="sessionId")
    slug: str
    minutes: int
    busy: bool
    kept: bool
    created_at: str
    last_used_at: str
    expires_at: str


class Listing(Struct, frozen=True):
    """Sessions that this key may use, the one used last first."""

    sessions: tuple[Row, ...]


class Directory(Query, frozen=True):
    """Which folder."""

    directory: Annotated[str, Meta(max_length=4096)] = "/work"


class FileItem(Struct, frozen=True):
    """One entry: a file, a folder, or something else that cannot be read."""

    path: str
    kind: str
    size: int
    modified_at: str


class Files(Struct, frozen=True):
    """What is directly in a folder, by name."""

    directory: str
    files: tuple[FileItem, ...]


class Lines(Query, frozen=True):
    """Which lines: from `startLine` (the first is 1), at most `limit`. With neither, the bytes."""

    start_line: Annotated[int, Meta(ge=1)] | None = field(name="startLine", default=None)
    limit: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class Written(Struct, frozen=True):
    """A file that was put."""

    path: str
    size: int


class Closed(Struct, frozen=True):
    """A session that is over, with its files."""

    session_id: str = field(name="sessionId")
    closed: bool = True


async def show(call: Call) -> Listing:
    return Listing(tuple(map(_row, call.context.runs.parts.sessions.of(call.caller))))


def _row(session: Session) -> Row:
    return Row(
        session.id,
        session.slug,
        session.minutes,
        session.busy,
        session.kept,
        written(session.created_at),
        written(session.last_used_at),
        written(session.expires_at),
    )


async def files(call: Call) -> Files:
    directory = call.query.directory
    rows = await call.context.runs.files(call.caller, call.path["sessionId"], directory)
    items = (FileItem(row.path, row.kind, row.size, written(int(row.modified * 1000))) for row in rows)
    return Files(directory, tuple(items))


async def read(call: Call) -> Response:
    context, caller, session_id, path = call.context, call.caller, call.path["sessionId"], _path(call)
    wanted: Lines = call.query
    if wanted.start_line is not None or wanted.limit is not None:
        first, count = wanted.start_line or 1, wanted.limit or 1000
        body = await context.runs.lines(caller, session_id, path, first, count)
        text = body.decode("utf-8", "replace").encode()
        return Response(text, 200, dict(_HEADERS), "text/plain")
    size = (await context.runs.part(caller, session_id, path, 0, 0)).size
    begin, end = _range(call.request.headers.get("range"), size)
    if begin >= end and size:
        return _unsatisfiable(size)
    headers = _HEADERS | {"Content-Length": str(end - begin)}
    status = 200
    if (begin, end) != (0, size):
        status, headers = 206, headers | {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
    return StreamingResponse(_chunks(call, path, begin, end), status, headers, _BYTES)


async def _chunks(call: Call, path: str, begin: int, end: int) -> AsyncIterator[bytes]:
    """Bytes from `begin` to `end`; when the file became shorter, zeros, for the length was promised."""
    while begin < end:
        size = min(CHUNK, end - begin)
        part = await call.context.runs.part(call.caller, call.path["sessionId"], path, begin, size)
        yield part.data.ljust(size, b"\0")
        begin += size


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Begin and end (not included) of one range; the whole for what is no such header."""
    found = _RANGE.fullmatch(header) if header else None
    if found is None or not any(found.groups()):
        return 0, size
    first, last = found.groups()
    begin = int(first) if first else max(0, size - int(last))
    return begin, min(size, int(last) + 1) if first and last else size


def _unsatisfiable(size: int) -> Response:
    refusal = Invalid("bad_range", f"the file has {size} bytes", place="header.Range", mend="ask for less")
    body = encode({"error": refusal.body()}, wrap=False)
    return answered(body, 416, {"Content-Range": f"bytes */{size}"})


async def put(call: Call) -> Answer:
    path = _path(call)
    data = await raw_body(call.request, call.context.settings.runs.input_bytes)
    await call.context.runs.put(call.caller, call.trace, call.path["sessionId"], path, data)
    return Answer(Written(path, len(data)))


def _path(call: Call) -> str:
    """Paths of a session are absolute; the slash in front may be left out."""
    return "/" + call.path["path"].removeprefix("/")


async def close(call: Call) -> Closed:
    await call.context.runs.close(call.caller, call.trace, call.path["sessionId"])
    return Closed(call.path["sessionId"])


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/runs/sessions",
        name="run_sessions",
        handler=show,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Runs",
        summary="The open sessions of this key; an all-skills key has all of its account",
        answer=Listing,
    ),
    Endpoint(
        method="GET",
        path=_ONE + "/files",
        name="run_files",
        handler=files,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Runs",
        summary="What is in a folder of a session",
        query=Directory,
        answer=Files,
        errors={400: ("bad_path",), 404: ("session_not_found", "file_not_found"), 503: _ELSEWHERE},
    ),
    Endpoint(
        method="GET",
        path=_FILE,
        name="run_file",
        handler=read,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Runs",
        summary="A file of a session: whole, a range of its bytes, or some of its lines",
        query=Lines,
        wrap=False,
        media_type=_BYTES,
        errors={
            206: (),
            400: ("bad_path",),
            416: ("bad_range",),
            503: _ELSEWHERE,
            404: ("session_not_found", "file_not_found"),
        },
    ),
    Endpoint(
        method="PUT",
        path=_FILE,
        name="run_file_put",
        handler=put,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Runs",
        summary="Put an input file into a session; the body is its bytes",
        answer=Written,
        takes_bytes=True,
        errors={
            400: ("bad_path",),
            404: ("session_not_found",),
            413: ("payload_too_large", "disk_full"),
            503: _ELSEWHERE,
        },
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        name="run_session_close",
        handler=close,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Runs",
        summary="Close a session: its run is stopped, its files are gone",
        answer=Closed,
        errors={404: ("session_not_found",), 503: _ELSEWHERE},
    ),
)
