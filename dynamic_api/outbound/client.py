"""One request at a time to an address that a user chose, with a deadline and a cap for all of it."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import httpcore2
import httpx2

from dynamic_api.errors import Invalid, TimedOut, Unprocessable, Upstream
from dynamic_api.outbound.dial import Dial, GuardedBackend, dial_tcp, pair
from dynamic_api.outbound.resolve import Resolver, SystemResolver

USER_AGENT = "skillpress"
SYSTEM = SystemResolver()
# What may stand in a name or an address; httpx2 writes a space as %20 and asks for that.
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may take, from the look-up of the name to the last byte; by default a webhook."""

    deadline_seconds: float = 5.0
    body_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, redirects included: they are never followed. Names of `headers` are lower-case.

    `body` is as it was sent, and empty where a sink took it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """Sends requests to public https addresses, each over a connection of its own.

    `allowed` are exact `host:port` pairs that may be private, and asked without TLS: for tests, and for
    targets that the operator trusts. `ports` are those that other hosts may be asked at; empty: any.
    Nothing is taken from the environment: no proxy, no netrc.
    """

    def __init__(
        self,
        *,
        allowed: Iterable[str] = (),
        ports: Iterable[int] = (),
        resolver: Resolver = SYSTEM,
        dial: Dial = dial_tcp,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._ports = tuple(sorted(ports))
        self._tls = tls
        self._backend = GuardedBackend(resolver, dial, self._allowed)

    def url(self, url: str) -> httpx2.URL:
        """`url` as it would be asked, without looking its name up. Raises Invalid, Unprocessable."""
        try:
            found = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError, TypeError) as error:
            raise _bad("is no web address", "give one such as https://hooks.example/x") from error
        if found.scheme not in _PORTS or not _HOST.fullmatch(_host(found)) or _port(found) > 65_535:
            raise _bad("is no web address", "give one such as https://hooks.example/x")
        if found.userinfo:
            raise _bad("holds a password", "give the address without a user")
        if pair(_host(found), _port(found)) not in self._allowed:
            self._require_public(found)
        return found.copy_with(fragment=None)

    def _require_public(self, found: httpx2.URL) -> None:
        """What is asked of an address that is on no list."""
        if found.scheme != "https":
            raise _bad("is not https", "use https")
        if self._ports and _port(found) not in self._ports:
            raise Unprocessable(
                "port_refused",
                f"nothing is sent to port {_port(found)}",
                place=pair(_host(found), _port(found)),
                mend=f"use one of {', '.join(map(str, self._ports))}, or have the operator allow it",
            )

    async def check(self, url: str) -> None:
        """Raise what a request to `url` would raise before it connects: Invalid, Unprocessable, Upstream."""
        found = self.url(url)
        await self._backend.addresses(_host(found), _port(found))

    async def send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        bounds: Bounds = Bounds(),
        sink: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """The answer to one request; the bytes of one with status 200 go to `sink` if there is one.

        Raises Invalid, Unprocessable (address_refused, port_refused), Upstream, TimedOut.
        """
        target = self.url(url)
        place = _host(target)
        try:
            async with asyncio.timeout(bounds.deadline_seconds):
                return await self._send(method, target, headers or {}, body, bounds, sink)
        except TimeoutError as error:
            limit = f"{bounds.deadline_seconds:g} seconds"
            raise TimedOut("outbound_timeout", f"no whole answer within {limit}", place=place) from error
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            message = f"the request failed: {_reason(error)}"
            raise Upstream("outbound_failed", message, place=place) from error

    async def _send(  # noqa: PLR0913, PLR0917 - as above
        self,
        method: str,
        target: httpx2.URL,
        headers: Mapping[str, str],
        body: bytes,
        bounds: Bounds,
        sink: Callable[[bytes], object] | None,
    ) -> Answer:
        sent = {"User-Agent": USER_AGENT, "Accept": "*/*", **headers}
        # An encoding could unpack a small answer to a huge one.
        sent |= {"Host": target.netloc.decode("ascii"), "Accept-Encoding": "identity", "Connection": "close"}
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=await self._context(), max_keepalive_connections=0, network_backend=self._backend
            ) as pool,
            pool.stream(method, _wire(target), headers=[*sent.items()], content=body or None) as response,
        ):
            found = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            kept: list[bytes] = []
            take = sink if sink is not None and response.status == 200 else kept.append
            size = 0
            async with aclosing(response.aiter_stream()) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > bounds.body_bytes:
                        raise _too_large(_host(target), bounds)
                    take(chunk)
            return Answer(response.status, found, b"".join(kept))

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Loading the authorities takes tens of milliseconds, and most processes never need them.
            self._tls = await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False)
        return self._tls


def _host(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii")


def _text(header: bytes) -> str:
    return header.decode("latin-1")


def _port(url: httpx2.URL) -> int:
    return _PORTS[url.scheme] if url.port is None else url.port


def _wire(url: httpx2.URL) -> httpcore2.URL:
    return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _bad(what: str, mend: str) -> Invalid:
    return Invalid("bad_url", f"the address {what}", mend=mend)


def _too_large(place: str, bounds: Bounds) -> Upstream:
    return Upstream("outbound_too_large", f"the answer has more than {bounds.body_bytes} bytes", place=place)


def _reason(error: Exception) -> str:
    """What went wrong, by its kind: the text could show a stranger what stands behind a port."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate does not hold ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "no TLS connection"
        cause = cause.__cause__ or cause.__context__
    return {
        httpcore2.ConnectError: "no connection",
        httpcore2.RemoteProtocolError: "the answer is no HTTP",
    }.get(type(error), "the connection broke off")
