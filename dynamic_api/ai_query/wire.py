"""Calls to services outside: no proxy or file of the machine is used, and neither time nor bytes run over."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar
from urllib.parse import urljoin

import httpx2
import msgspec

from dynamic_api.ai_query.config import AiQuery, setting
from dynamic_api.errors import Absent, Invalid, Refusal, TimedOut, Upstream

AGENT = "skillpress-ai-query"
_HOPS = 3
_MOVED = {301, 302, 307, 308}
_EXCERPT = 200

T = TypeVar("T")


class Excess(httpx2.TransportError):
    """An answer that is not read: larger than the limit, or compressed, so that its size is not known."""


class Capped(httpx2.AsyncBaseTransport):
    """Reads at most `limit` bytes of each answer."""

    def __init__(self, limit: int) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it. Raises Excess now for an answer that says that it is too large, else when it is read."""
        response = await self._inner.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        length = response.headers.get("content-length", "0")
        coded = response.headers.get("content-encoding", "identity").lower() != "identity"
        if coded or not (length.isascii() and length.isdigit()) or int(length) > self._limit:
            await response.aclose()
            raise Excess("compressed, which was not asked for" if coded else f"more than {self._limit} bytes")
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_CappedStream(stream, self._limit),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _CappedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        async for chunk in self._inner:
            left -= len(chunk)
            if left < 0:
                raise Excess(f"more than {self._limit} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than many a question."""
    return httpx2.create_ssl_context(trust_env=False)


def client(settings: AiQuery) -> httpx2.AsyncClient:
    """A client for one question; to be closed."""
    return httpx2.AsyncClient(
        transport=Capped(settings.answer_bytes),
        headers={"Accept-Encoding": "identity", "User-Agent": AGENT},
        timeout=settings.call_seconds,
        trust_env=False,
    )


def check_url(url: str, key: str) -> str:
    """`url` without a last slash. Raises Invalid for one that is no web address, or that holds a password."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Invalid("bad-setting", f"not a URL: {setting(key)}") from error
    if parts.scheme not in {"http", "https"} or not parts.host or parts.userinfo:
        message = f"not a web address without a user: {setting(key)}"
        raise Invalid(
            "bad-setting", message, mend="give https://host/path; tokens have settings of their own"
        )
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Wire:
    """A service: its name, its base URL, and what authenticates us there and nowhere else."""

    name: str
    http: httpx2.AsyncClient
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    token_key: str
    seconds: float

    async def get(self, path: str, form: type[T], **params: str | int) -> T:
        """The answer to a GET as a value of the type `form`. Empty parameters are left out."""
        sent = {key: value for key, value in params.items() if value != ""}
        url = f"{self.base_url}{path}"
        request = self.http.build_request("GET", url, params=sent, headers=dict(self.headers))
        return self._decode(await self._send(request, path), form)

    async def post(self, body: object, form: type[T]) -> T:
        """The answer to a POST of JSON at the base URL itself."""
        headers = {**self.headers, "Content-Type": "application/json"}
        content = msgspec.json.encode(body)
        request = self.http.build_request("POST", self.base_url, content=content, headers=headers)
        return self._decode(await self._send(request, "such address"), form)

    async def _send(self, request: httpx2.Request, path: str) -> bytes:
        try:
            async with asyncio.timeout(self.seconds):
                response = await self._follow(request)
        except (TimeoutError, httpx2.TimeoutException) as error:
            message = f"{self.name} did not answer within {self.seconds:g} s"
            raise TimedOut("provider-timeout", message, mend="try again later") from error
        except Excess as error:
            raise Upstream("provider-excess", f"{self.name}'s answer was not read: {error}") from error
        except httpx2.HTTPError as error:
            message = f"cannot reach {self.name} at {request.url.host}: {type(error).__name__}"
            raise Upstream("provider-unreachable", message, mend="try again later") from error
        if response.status_code != 200:
            raise self._refused(response, path)
        return response.content

    async def _follow(self, request: httpx2.Request) -> httpx2.Response:
        """The last answer of a few redirects that stay at the origin: a repository may have been renamed."""
        response = await self.http.send(request)
        for _ in range(_HOPS):
            target = urljoin(str(request.url), response.headers.get("location", ""))
            moved = response.status_code in _MOVED and request.method == "GET"
            if not moved or not _same_origin(str(request.url), target):
                break
            request = self.http.build_request("GET", target, headers=dict(self.headers))
            response = await self.http.send(request)
        return response

    def _refused(self, response: httpx2.Response, path: str) -> Refusal:
        status = response.status_code
        said = _said(response.content)
        if status == 404:
            return Absent("not-there", f"{self.name} has no {path}, or its token may not see it")
        if status == 429 or (status == 403 and response.headers.get("x-ratelimit-remaining") == "0"):
            return Upstream(
                "provider-limit", f"{self.name} limits our calls (HTTP {status})", mend="try later"
            )
        if status in {401, 403}:
            mend = f"an operator checks {setting(self.token_key)}"
            return Upstream(
                "provider-refused", f"{self.name} refuses our token (HTTP {status}){said}", mend=mend
            )
        return Upstream(
            "provider-failed", f"{self.name} answered HTTP {status}{said}", mend="try again later"
        )

    def _decode(self, body: bytes, form: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"{self.name} answered what cannot be understood: {str(error)[:_EXCERPT]}"
            raise Upstream("provider-nonsense", message, mend="check the URL of the provider") from error


class _Message(msgspec.Struct):
    message: str = ""


def _said(body: bytes) -> str:
    """`: what it said`, for an answer that says it the usual way."""
    try:
        text = msgspec.json.decode(body, type=_Message).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return f": {' '.join(text.split())[:_EXCERPT]}" if text.strip() else ""


def _same_origin(one: str, other: str) -> bool:
    try:
        first, second = httpx2.URL(one), httpx2.URL(other)
    except httpx2.InvalidURL:
        return False
    return (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port)
