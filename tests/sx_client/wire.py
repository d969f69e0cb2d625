"""HTTP as Go's default client does it, with the headers of sx. Source: contracts/sx.md 1.1."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx2

from sx_client.errors import BadAnswer, SxFailure

USER_AGENT = "skills/2.3.4"
API_SECONDS = 30.0
DOWNLOAD_SECONDS = 300.0
QUERY_SECONDS = 120.0
LONGEST_LINE = 1024 * 1024
_HOPS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """The body as UTF-8. Raises BadAnswer."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise BadAnswer(f"not UTF-8: {error}") from error


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was made: verb, path after the base (or the whole URL), and its headers."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def _client() -> httpx2.Client:
    """A connection for each request, so that none is left open where a test forgets to close it."""
    once = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.Client(verify=_tls(), trust_env=False, limits=once)


@dataclass(slots=True)
class Wire:
    """One server and one token. `sent` has all requests in order, redirects included."""

    base_url: str
    token: str
    sent: list[Sent] = field(default_factory=list)
    client: httpx2.Client = field(default_factory=_client)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET of a path after the base, which is put there as it stands."""
        return self.send("GET", self.base_url + path, headers=headers)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST of a path after the base."""
        return self.send("POST", self.base_url + path, body, headers)

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float = API_SECONDS,
        with_token: bool = True,
    ) -> Answer:
        """The answer after up to ten redirects. The token goes to any host that `url` names itself."""
        given = {**(self.authorization() if with_token else {}), **(headers or {})}
        first = url
        for _ in range(_HOPS + 1):
            response = self._once(method, url, body, given, seconds)
            location = response.headers.get("location")
            if response.status_code not in {301, 302, 303, 307, 308} or location is None:
                return Answer(response.status_code, response.headers, response.content)
            url = urljoin(url, location)
            if method == "POST" and response.status_code in {301, 302, 303}:
                method, body = "GET", None
                given.pop("Content-Type", None)
            if not _keeps_token(first, url):
                given.pop("Authorization", None)
        raise SxFailure("stopped after 10 redirects")

    def authorization(self, *, even_empty: bool = False) -> dict[str, str]:
        """The bearer token: left out when it is empty, but for usage. Go trims what it sends."""
        return {"Authorization": f"Bearer {self.token}".strip()} if self.token or even_empty else {}

    def _once(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> httpx2.Response:
        request = self._request(method, url, body, headers, seconds)
        try:
            return self.client.send(request)
        except httpx2.HTTPError as error:
            raise SxFailure(f"{method} {url}: {type(error).__name__}: {error}") from error

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> httpx2.Request:
        all_headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **headers}
        try:
            request = self.client.build_request(
                method, url, content=body, headers=all_headers, timeout=seconds
            )
        except httpx2.InvalidURL as error:
            raise BadAnswer(f"not a URL: {url!r}") from error
        if "Accept" not in headers:
            del request.headers["Accept"]
        path = url.removeprefix(self.base_url)
        self.sent.append(Sent(method, path, dict(request.headers), body))
        return request

    @contextmanager
    def lines(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Iterator[tuple[int, Iterator[str]]]:
        """The status and the lines of a streamed answer to a POST, within the time for a query."""
        given = {**self.authorization(), **headers}
        request = self._request("POST", self.base_url + path, body, given, QUERY_SECONDS)
        until = time.monotonic() + QUERY_SECONDS
        try:
            response = self.client.send(request, stream=True)
            try:
                yield response.status_code, _lines(response, until)
            finally:
                response.close()
        except httpx2.HTTPError as error:
            raise SxFailure(f"{type(error).__name__}: {error}") from error


def _keeps_token(first: str, url: str) -> bool:
    """Go keeps credentials for the same host, and for names below it."""
    one, other = urlsplit(first), urlsplit(url)
    same = one.hostname == other.hostname and one.port == other.port
    return same or str(other.hostname).endswith(f".{one.hostname}")


def _lines(response: httpx2.Response, until: float) -> Iterator[str]:
    """Lines without their ends. Raises SxFailure for one that is longer than sx reads, or when time is up."""
    left = b""
    for chunk in response.iter_bytes():
        left += chunk
        *whole, left = left.split(b"\n")
        for line in (*whole, left):
            if len(line) >= LONGEST_LINE:
                raise SxFailure("a line is longer than 1 MiB")
        if time.monotonic() > until:
            raise SxFailure("no answer within 120 s")
        yield from (line.removesuffix(b"\r").decode(errors="replace") for line in whole)
    if left:
        yield left.decode(errors="replace")
