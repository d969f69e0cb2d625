"""Folders of skills on GitHub: a ref pinned to a commit, and the archive of exactly that commit.

Source: GitHub's REST API, "Get a commit" (media type sha) and "Download a repository archive (tar)", which
answers 302 to the host of the archives.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote

import httpx2

from dynamic_api.errors import Absent, Limited, Upstream
from dynamic_api.outbound.client import Answer, Bounds, Outbound
from dynamic_api.outbound.github_url import Place
from registry_builder.core.shown import shown

MOST_REF_SEGMENTS = 4
MOST_HOPS = 3
SHA = "application/vnd.github.sha"
JSON = "application/vnd.github+json"

ARCHIVE = Bounds(deadline_seconds=60, body_bytes=100 * 1024 * 1024)
_API = Bounds(deadline_seconds=10, body_bytes=1024 * 1024)
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REDIRECTS = frozenset((301, 302, 307, 308))


@dataclass(frozen=True, slots=True)
class Pinned:
    """`place` at one commit: `ref` as it was written, and the folder that was named, "" for all of it."""

    place: Place
    ref: str
    path: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where GitHub is; changed for tests, or for an enterprise's own. Redirects lead to these two."""

    web: str = "github.com"
    api_url: str = "https://api.github.com"
    archive_url: str = "https://codeload.github.com"


class GitHub:
    """Reads public repositories, and with `token` those it may read. Only the API sees the token."""

    def __init__(
        self,
        outbound: Outbound,
        *,
        host: Host = Host(),
        token: str | None = None,
        archive: Bounds = ARCHIVE,
    ) -> None:
        self.host = host
        self._outbound = outbound
        self._token = token
        self._archive = archive
        self._api_origin = _origin(host.api_url)
        self._origins = (self._api_origin, _origin(host.archive_url))

    async def pin(self, place: Place) -> Pinned:
        """What `place` is at this moment. Raises Absent, Limited, Upstream, TimedOut.

        A ref may have slashes: the shortest one that exists is taken, as no branch can stand above another.
        """
        if not place.segments:
            return Pinned(place, "HEAD", "", await self._commit(place, "HEAD"))
        for count in range(1, min(len(place.segments), MOST_REF_SEGMENTS) + 1):
            ref = "/".join(place.segments[:count])
            try:
                commit = await self._commit(place, ref)
            except Absent:
                continue
            return Pinned(place, ref, "/".join(place.segments[count:]), commit)
        raise Absent(
            "ref_not_found",
            f"{place.repository} has no such branch, tag or commit, or is private",
            place=place.repository,
            mend="look at the address in a browser that is not signed in",
        )

    @asynccontextmanager
    async def archive(self, pinned: Pinned) -> AsyncIterator[IO[bytes]]:
        """The gzipped tar of the pinned commit, in a file that goes away."""
        path = f"/repos/{pinned.place.repository}/tarball/{pinned.commit}"
        with tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024) as file:
            answer = await self._ask(self.host.api_url + path, JSON, self._archive, file.write)
            if answer.status != 200:
                raise self._refused(answer, pinned.place)
            file.seek(0)
            yield file

    async def _commit(self, place: Place, ref: str) -> str:
        url = f"{self.host.api_url}/repos/{place.repository}/commits/{quote(ref)}"
        answer = await self._ask(url, SHA, _API)
        if answer.status != 200:
            raise self._refused(answer, place)
        if not _COMMIT.fullmatch(answer.body):
            raise Upstream("github_failed", "GitHub's answer names no commit", place=place.repository)
        return answer.body.decode("ascii")

    async def _ask(
        self, url: str, accept: str, bounds: Bounds, sink: Callable[[bytes], object] | None = None
    ) -> Answer:
        """The answer after at most a few redirects between the two hosts that we know."""
        for _ in range(MOST_HOPS):
            headers = self._headers(url, accept)
            answer = await self._outbound.send("GET", url, headers=headers, bounds=bounds, sink=sink)
            if answer.status not in _REDIRECTS:
                return answer
            url = self._followed(url, answer)
        raise Upstream("github_failed", "GitHub redirects in a circle")

    def _headers(self, url: str, accept: str) -> Mapping[str, str]:
        if _origin(url) != self._api_origin:
            return {}
        headers = {"Accept": accept, "X-GitHub-Api-Version": "2022-11-28"}
        return headers | ({"Authorization": f"Bearer {self._token}"} if self._token else {})

    def _followed(self, url: str, answer: Answer) -> str:
        try:
            target = str(httpx2.URL(url).join(answer.headers.get("location", "")))
            known = _origin(target) in self._origins
        except httpx2.InvalidURL:
            known = False
        if not known:
            raise Upstream("github_redirect", "GitHub's answer leads to another host")
        return target

    def _refused(self, answer: Answer, place: Place) -> Exception:
        limited = answer.status == 429 or (
            answer.status == 403 and answer.headers.get("x-ratelimit-remaining") == "0"
        )
        if limited:
            wait = answer.headers.get("retry-after", "")
            headers = {"Retry-After": wait} if wait.isascii() and wait.isdigit() and len(wait) < 6 else {}
            message = "GitHub answers no more questions of this server for a while"
            return Limited("github_rate_limited", message, mend="try again later", headers=headers)
        if answer.status in (401, 403, 404, 409, 410, 422, 451):
            message = f"{shown(place.repository)} is not there, or not public"
            return Absent("repository_not_found", message, place=place.repository, mend="look at the address")
        return Upstream("github_failed", f"GitHub answered {answer.status}", place=place.repository)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx2.URL(url)
    return parts.scheme, parts.host, parts.port
