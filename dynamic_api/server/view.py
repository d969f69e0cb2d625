"""The local view of the bucket in a running server: what feeds it, how fresh it is, what it keeps back."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from dynamic_api.catalogue import Catalogue
from dynamic_api.catalogue.follow import Rhythm, follow
from dynamic_api.context import Context
from dynamic_api.errors import Unavailable, Withdrawn
from dynamic_api.server.static import Folder
from dynamic_api.server.wire import Wire
from dynamic_api.services.published import Published
from registry_builder.core.ledger import QUARANTINED

FIRST_VIEW_SECONDS = 20.0
"""How long a start waits for the first view; it is served, failing, when that takes longer."""
_STALE_SECONDS = 300.0
_DIGEST = re.compile(r"/([0-9a-f]{64})\.(?:zip|tgz)$")
_SKILL = re.compile(r"^/api/v1/skills/([a-z0-9-]+)$")
_FROZEN = re.compile(r"^/api/skills/assets/([a-z0-9-]+)/([0-9]+)/[^/]+$")


@asynccontextmanager
async def following(context: Context) -> AsyncIterator[None]:
    """Feed the view by a thread until the end."""
    data, stop = context.settings.data, threading.Event()
    rhythm = Rhythm(data.refresh_seconds, data.revoked_seconds)
    thread = threading.Thread(
        target=follow, args=(context.registry, context.catalogue.folder, stop, rhythm), daemon=True
    )
    thread.start()
    try:
        await _first_view(context.catalogue)
        yield
    finally:
        stop.set()
        await asyncio.to_thread(thread.join)


async def _first_view(catalogue: Catalogue) -> None:
    for _ in range(int(FIRST_VIEW_SECONDS / 0.05)):
        status = catalogue.status()
        if status.ready or status.fault:
            return
        await asyncio.sleep(0.05)


def freshness(catalogue: Catalogue, now: float) -> str:
    """What `/readyz` says of the view: how old, and why it is not younger. `now` is in Unix seconds."""
    status = catalogue.status()
    age, fault = status.age(now), status.fault
    if age is None:
        return f"no view of the registry yet: {fault.message if fault else 'it is being read'}"
    text = f"ok, generation {status.generation}, seen {age:.0f} s ago"
    if fault:
        text += f"; {fault.place}: {fault.message} [{fault.code}]"
    if status.revoked_fault:
        text += (
            f"; {status.revoked_fault.place}: {status.revoked_fault.message} [{status.revoked_fault.code}]"
        )
    return text.removeprefix("ok, ") if fault and age > _STALE_SECONDS else text


@dataclass(frozen=True, slots=True)
class Kept:
    """The published folder, without what was taken back (DESIGN.md D14): 410 at once, whatever is on disk."""

    catalogue: Catalogue
    published: Published
    folder: Folder

    def at_hand(self, scope: Scope) -> Wire | None:
        """What was let out under this view of the bucket."""
        scope["view"] = self.published.stamp
        return self.folder.at_hand(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["view"] = self.published.stamp
        if scope["type"] == "http" and (reason := withdrawn(self.catalogue, scope["path"])):
            raise taken_back(reason)
        await self.folder(scope, receive, send)


def withdrawn(catalogue: Catalogue, path: str) -> str | None:
    """Why the bytes under a decoded URL path were taken back; None when they were not.

    Of a skill that is quarantined the document goes too, as from the API's own route.
    """
    digest, frozen, skill = _DIGEST.search(path), _FROZEN.match(path), _SKILL.match(path)
    try:
        if skill:
            return _quarantined(catalogue, skill[1])
        if digest:
            return catalogue.withdrawn(digest[1])
        if frozen:
            rows = [row for row in catalogue.versions(frozen[1]) if str(row.ordinal) == frozen[2]]
            return catalogue.withdrawn(rows[0].sha256) if rows else None
    except Unavailable:
        # Without a view there are no revocations to know of; the folder is what the bucket is.
        return None
    return None


def _quarantined(catalogue: Catalogue, slug: str) -> str | None:
    answer = catalogue.answer(slug)
    if answer is None or answer.offered:
        return None
    skill = catalogue.skill(slug)
    if skill is None or skill.state != QUARANTINED:
        return None
    return skill.versions[-1].reason or QUARANTINED


def taken_back(reason: str) -> Withdrawn:
    """The refusal of bytes or rows that are quarantined."""
    return Withdrawn(
        "withdrawn",
        f"this version was taken back: {reason}",
        mend="install a newer version",
        headers={"Cache-Control": "no-store"},
    )
