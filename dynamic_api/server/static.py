"""A built folder over HTTP, answered the way a CDN in front of a bucket answers."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

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
# These mean "nothing to see under that name"; any other error is ours and must not look like a 404.
_ABSENT = frozenset(
    {
        errno.EACCES,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENXIO,
        errno.EPERM,
    }
)
_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_TAGS_KEPT = 200_000
# A file system stamps times in ticks, so a younger file could still be followed by another with its stamps.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class _Opened:
    """A regular file, opened once: all we say about it comes from `fd`, so that no answer mixes two files."""

    key: str
    fd: int
    size: int
    tag: str


def published(folder: Path) -> Starlette:
    """The app that serves `folder`. It may be replaced or written to (by renames) while it is served."""
    return Starlette(routes=[_EveryPath(folder)])


def has(folder: Path, path: str) -> bool:
    """Whether `folder` has a file for a decoded URL path, or a page below it."""
    key = key_of(path)
    if key is None:
        return False
    place = _real(folder, f"{key}index.html" if not key or key.endswith("/") else key)
    if place is not None and place.is_file():
        return True
    page = _real(folder, f"{key}/index.html") if key else None
    return page is not None and page.is_file()


class _EveryPath(BaseRoute):
    """Takes any path: Starlette's own patterns do not match a newline, which a key may hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tags: dict[tuple[int, ...], str] = {}

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
            answer = _whole(opened, request.method, status) if status == 404 else _answer(opened, request)
            await answer(scope, receive, send)
        finally:
            os.close(opened.fd)

    def _open(self, key: str) -> _Opened | None:
        if not key or key.endswith("/"):
            key += "index.html"
        path = _real(self._folder, key)
        if path is None:
            return None
        try:
            # A pipe in the folder must not hold a thread for ever.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode):
                return _Opened(key, fd, status.st_size, self._tag(fd, status))
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def _is_page(self, key: str) -> bool:
        path = _real(self._folder, f"{key}/index.html")
        return path is not None and path.is_file()

    def _tag(self, fd: int, status: os.stat_result) -> str:
        """A strong entity tag: the digest of the bytes, remembered while the file's stamps stay the same."""
        times = (status.st_mtime_ns, status.st_ctime_ns)
        stamp = (status.st_dev, status.st_ino, status.st_size, *times)
        known = self._tags.get(stamp)
        if known is not None:
            return known
        tag = f'"{_sha256(fd)}"'
        if time.time_ns() - max(times) > _SETTLED_NS:
            if len(self._tags) >= _TAGS_KEPT:
                self._tags.clear()
            self._tags[stamp] = tag
        return tag


def _real(folder: Path, key: str) -> Path | None:
    """The real path of `key`; None where there is none, or a link leads out or to what is hidden."""
    try:
        root = folder.resolve(strict=True)
        real = (root / key).resolve(strict=True)
    except (ValueError, RuntimeError):
        # A null byte, or links in a circle.
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    shown = real.is_relative_to(root) and not _hidden(real.relative_to(root).parts)
    return real if shown else None


def key_of(path: str) -> str | None:
    """The key that a decoded URL path asks for, with a last slash when it names a folder; None for no key."""
    segments = [segment for segment in path.split("/") if segment]
    if _hidden(segments):
        return None
    return "/".join(segments) + ("/" if segments and path.endswith("/") else "")


def _hidden(segments: Sequence[str]) -> bool:
    """Whether dots keep a path from being served.

    Below .well-known/skills/<name>/ lie files out of a skill, whose names may begin with a dot.
    """
    ours = segments[:3] if tuple(segments[:2]) == (".well-known", "skills") else segments
    if any(segment in (".", "..") for segment in segments):
        return True
    return any(segment.startswith(".") and segment != ".well-known" for segment in ours)


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


def names_tag(header: str, tag: str) -> bool:
    """Whether an If-None-Match field names `tag`, by the weak comparison of RFC 9110 13.1.2."""
    listed = [candidate.strip() for candidate in header.split(",")]
    return listed == ["*"] or tag in [candidate.removeprefix("W/") for candidate in listed]


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
