"""A built folder over HTTP, answered the way a CDN in front of a bucket answers."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from dynamic_api.server.paths import ABSENT, key_of, real_path
from dynamic_api.server.small_files import MOST_BYTES, SmallFiles, Stamps, stamps_of
from dynamic_api.server.wire import Wire, kept, names_tag
from registry_builder.core.key import CACHE_CONTROL, classify, content_type

CHUNK = 256 * 1024
METHODS = "GET, HEAD, OPTIONS"
PUBLIC = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, ETag",
    "X-Content-Type-Options": "nosniff",
}
PREFLIGHT = {
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Max-Age": "86400",
    "Allow": METHODS,
}
POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# What a browser opens as a document, and so could run scripts from.
_DOCUMENTS = ("text/html", "image/svg+xml", "application/xml", "application/atom+xml")
_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_TAGS_KEPT = 200_000
# A file system stamps times in ticks, so a younger file could still be followed by another with its stamps.
SETTLED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Opened:
    """A regular file, opened once: all we say about it comes from `fd`, so that no answer mixes two files."""

    key: str
    fd: int
    size: int
    stamps: Stamps
    tag: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The app that serves a folder."""

    _app: ASGIApp
    _small: SmallFiles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def at_hand(self, scope: Scope) -> Wire | None:
        """A small file that was sent before."""
        return self._small.at_hand(scope)


def published(folder: Path, settled_seconds: float = SETTLED_SECONDS) -> Folder:
    """The app that serves `folder`. It may be replaced or written to (by renames) while it is served.

    What is known of a file is remembered once it is `settled_seconds` old.
    """
    small = SmallFiles()
    return Folder(Starlette(routes=[_EveryPath(folder, small, settled_seconds)]), small)


class _EveryPath(BaseRoute):
    """Takes any path: Starlette's own patterns do not match a newline, which a key may hold."""

    def __init__(self, folder: Path, small: SmallFiles, settled_seconds: float) -> None:
        self._folder = folder
        self._settled_ns = settled_seconds * 1e9
        self._small = small
        self._tags: dict[Stamps, str] = {}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.method not in ("GET", "HEAD"):
            await _without_file(request.method)(scope, receive, send)
            return
        mount = scope.get("root_path", "")
        key = key_of(scope["path"].removeprefix(mount))
        opened = None if key is None else await run_in_threadpool(self._open, key)
        if opened is None and key and await run_in_threadpool(self._is_page, key):
            await _moved(f"{mount}/{key}/", scope["query_string"])(scope, receive, send)
            return
        status = 200
        if opened is None and "text/html" in request.headers.get("accept", ""):
            status, opened = 404, await run_in_threadpool(self._open, "404.html")
        if opened is None:
            await _missing()(scope, receive, send)
            return
        try:
            if status == 200 and opened.size <= MOST_BYTES and self._is_settled(opened.stamps):
                self._keep(scope, opened)
            answer = _whole(opened, request.method, status) if status == 404 else _answer(opened, request)
            await answer(scope, receive, send)
        finally:
            os.close(opened.fd)

    def _keep(self, scope: Scope, opened: _Opened) -> None:
        """For the next time: its bytes are in the system's memory, for the tag was made of them."""
        body = os.pread(opened.fd, MOST_BYTES, 0)
        if len(body) == opened.size:
            answer = kept(_whole(opened, "HEAD", 200).raw_headers, body)
            self._small.keep(scope, os.fspath(self._folder / opened.key), opened.stamps, answer)

    def _open(self, key: str) -> _Opened | None:
        if not key or key.endswith("/"):
            key += "index.html"
        path = real_path(self._folder, key)
        if path is None:
            return None
        try:
            # A pipe in the folder must not hold a thread for ever.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode):
                stamps = stamps_of(status)
                return _Opened(key, fd, status.st_size, stamps, self._tag(fd, stamps))
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def _is_page(self, key: str) -> bool:
        path = real_path(self._folder, f"{key}/index.html")
        return path is not None and path.is_file()

    def _tag(self, fd: int, stamps: Stamps) -> str:
        """A strong entity tag: the digest of the bytes, remembered while the file's stamps stay the same."""
        known = self._tags.get(stamps)
        if known is not None:
            return known
        tag = f'"{_sha256(fd)}"'
        if self._is_settled(stamps):
            if len(self._tags) >= _TAGS_KEPT:
                self._tags.clear()
            self._tags[stamps] = tag
        return tag

    def _is_settled(self, stamps: Stamps) -> bool:
        """Whether the stamps of a file would tell that it was written to."""
        return time.time_ns() - max(stamps[-2:]) > self._settled_ns


def _sha256(fd: int) -> str:
    state = hashlib.sha256()
    offset = 0
    while chunk := os.pread(fd, CHUNK, offset):
        state.update(chunk)
        offset += len(chunk)
    return state.hexdigest()


def _without_file(method: str) -> Response:
    if method == "OPTIONS":
        return Response(status_code=204, headers={**PUBLIC, **PREFLIGHT})
    return PlainTextResponse("method not allowed\n", 405, {**PUBLIC, "Allow": METHODS})


def _missing() -> Response:
    return PlainTextResponse("not found\n", 404, {**PUBLIC, "Cache-Control": "no-cache", "Vary": "Accept"})


def _moved(path: str, query: bytes) -> Response:
    target = quote(path) + (f"?{query.decode('latin-1')}" if query else "")
    return Response(status_code=308, headers={**PUBLIC, "Cache-Control": "no-cache", "Location": target})


def _answer(opened: _Opened, request: Request) -> Response:
    headers = request.headers
    if names_tag(", ".join(headers.getlist("if-none-match")), opened.tag):
        return Response(status_code=304, headers=_headers(opened))
    span = _span(headers, opened) if request.method == "GET" else None
    if span is None:
        return _whole(opened, request.method, 200)
    if not span:
        wanted = {"Content-Range": f"bytes */{opened.size}", "Cache-Control": "no-cache"}
        return PlainTextResponse("range not satisfiable\n", 416, {**PUBLIC, **wanted})
    extra = {"Content-Range": f"bytes {span[0]}-{span[-1]}/{opened.size}", "Content-Length": str(len(span))}
    return StreamingResponse(_chunks(opened.fd, span), 206, _headers(opened, extra | _kind(opened)))


def _whole(opened: _Opened, method: str, status: int) -> Response:
    headers = _headers(opened, {"Content-Length": str(opened.size)} | _kind(opened))
    if status == 404:
        headers |= {"Cache-Control": "no-cache", "Vary": "Accept"}
        del headers["ETag"], headers["Accept-Ranges"]
    if method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_chunks(opened.fd, range(opened.size)), status, headers)


def _headers(opened: _Opened, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    cache = CACHE_CONTROL[classify(opened.key)]
    return {**PUBLIC, "Accept-Ranges": "bytes", "Cache-Control": cache, "ETag": opened.tag, **(extra or {})}


def _kind(opened: _Opened) -> dict[str, str]:
    kind = content_type(opened.key)
    return {"Content-Type": kind} | (
        {"Content-Security-Policy": POLICY} if kind.startswith(_DOCUMENTS) else {}
    )


def _span(headers: Headers, opened: _Opened) -> range | None:
    """The bytes that a Range field asks for: empty when unsatisfiable, None when the whole is to be sent.

    Several ranges, other units and nonsense get the whole, as RFC 9110 14.2 lets a server do.
    """
    asked = _RANGE.fullmatch(headers.get("range", ""))
    if asked is None or headers.get("if-range", opened.tag) != opened.tag or asked[1] == asked[2] == "":
        return None
    if asked[1] == "":
        return range(max(0, opened.size - int(asked[2])), opened.size)
    first = int(asked[1])
    if asked[2] == "":
        return range(first, opened.size)
    last = int(asked[2])
    return None if last < first else range(first, min(last + 1, opened.size))


async def _chunks(fd: int, span: range) -> AsyncIterator[bytes]:
    """The bytes of `span`; ends early only if the file was cut in place, which the server then reports."""
    offset = span.start
    while offset < span.stop:
        chunk = await run_in_threadpool(os.pread, fd, min(CHUNK, span.stop - offset), offset)
        if not chunk:
            return
        offset += len(chunk)
        yield chunk
