"""`sync/execute`: claims are committed, uploads and downloads are told to the machine (5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from dynamic_api.catalogue import Skill, Version
from dynamic_api.ids import dashed, undashed
from dynamic_api.services import credits, drive, sync_runs
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.drive import FIRST_RUN, Placed
from dynamic_api.services.published import Published, download_of
from dynamic_api.services.sync_plan import (
    CLAIM_PUBLIC,
    DOWNLOADS,
    UPLOAD_PRIVATE,
    UPLOADS,
    Classification,
)
from dynamic_api.services.sync_view import Hosted, hosted_of, once
from dynamic_api.settings import Credits
from registry_builder.core.ledger import QUARANTINED

ALL, PUBLIC_ONLY, PULLS_ONLY = "all", "public_only", "pulls_only"
AS_MANY = "as_many_as_credits_allow"
Kind = Literal["first_run", "daily", "manual"]
Mode = Literal["all", "public_only", "pulls_only", "as_many_as_credits_allow"]
CLAIM = "claim"

COMMITTED, PENDING_UPLOAD, PENDING_DOWNLOAD = "committed", "pending_upload", "pending_download"
SKIPPED, STALE, FAILED = "skipped", "stale", "failed"

Link = Callable[[Hosted], str]
"""Where the bytes of a skill are to be had, for a day."""


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one classification. `content_sha` and `version` of a claim are those on the drive now."""

    slug: str
    action: str
    status: str
    canonical_skill_id: str | None = None
    credits_required: int | None = None
    download_url: str | None = None
    download_content_sha: str | None = None
    download_version: int | None = None
    content_sha: str | None = None
    version: int | None = None
    reason: str | None = None


class Executed(Struct, frozen=True):
    """A run that waits for its end, and what to do until then."""

    run_id: str
    results: tuple[Result, ...]


class Wanted(Struct, frozen=True, kw_only=True):
    """What a machine asks for."""

    install_id: str
    kind: Kind
    mode: Mode
    classifications: tuple[Classification, ...]


def execute(
    db: Connection,
    published: Published,
    caller: Caller,
    wanted: Wanted,
    prices: Credits,
    link: Link,
    *,
    now: int,
    trace: Trace,
) -> Executed:
    """Do it, in one transaction. Raises Invalid, and Unpaid when `all` costs more than there is.

    A classification that does not hold any more is `stale`; the others go on.
    """
    asked = list(once(wanted.classifications, "classifications").values())
    drive.lock(db, caller.user_id)
    credits.fill_up(db, caller, prices, now)
    ids = [undashed(item.canonical_skill_id) for item in asked if item.canonical_skill_id]
    present = _Present(caller.user_id, hosted_of(db, published, caller), published.by_ids(ids), link)
    budget = credits.balance_of(db, caller.user_id)
    turned = _by_mode(asked, wanted.mode)
    turned |= present.stale(_rest(asked, turned))
    turned |= _beyond_budget(_rest(asked, turned), wanted.mode, budget)
    if wanted.kind != FIRST_RUN:
        room = _room(db, caller, prices)
        turned |= _beyond_room(present.new(_rest(asked, turned)), room)
    _claim(db, caller, present, [item for item in _rest(asked, turned) if item.action == CLAIM_PUBLIC], now)
    results = tuple(turned.get(item.slug) or present.result(item) for item in asked)
    run_id = sync_runs.open_run(
        db, caller, (wanted.install_id, wanted.kind, wanted.mode), results, now=now, trace=trace
    )
    return Executed(dashed(run_id), results)


def _rest(asked: Sequence[Classification], turned: Mapping[str, Result]) -> list[Classification]:
    return [item for item in asked if item.slug not in turned]


def _turned(item: Classification, status: str, reason: str) -> Result:
    return Result(slug=item.slug, action=item.action, status=status, reason=reason)


def _by_mode(asked: Sequence[Classification], mode: Mode) -> dict[str, Result]:
    """What the mode leaves out, and what is not ours to do."""
    done = {CLAIM_PUBLIC, *UPLOADS, *DOWNLOADS}
    wanted = {PUBLIC_ONLY: {CLAIM_PUBLIC}, PULLS_ONLY: DOWNLOADS}.get(mode, done)
    return {
        item.slug: _turned(
            item,
            SKIPPED,
            f"Not done in the mode {mode}."
            if item.action in done
            else "For the user to decide; nothing is done.",
        )
        for item in asked
        if item.action not in wanted
    }


def _beyond_budget(asked: Sequence[Classification], mode: Mode, budget: int) -> dict[str, Result]:
    """The uploads that the balance does not reach, the cheapest first. Raises Unpaid in `all`."""
    uploads = sorted(
        (item for item in asked if item.action in UPLOADS),
        key=lambda item: (item.credits_required, item.slug),
    )
    total = sum(item.credits_required for item in uploads)
    if mode == ALL and total > budget:
        raise credits.unpaid(budget, total)
    beyond = {}
    for item in uploads:
        budget -= item.credits_required
        if budget < 0:
            beyond[item.slug] = _turned(item, SKIPPED, "The balance does not reach for it.")
    return beyond


def _room(db: Connection, caller: Caller, prices: Credits) -> int | None:
    """How many more skills the drive takes; None for any number."""
    limit = drive.most(db, caller, prices)
    return None if limit is None else limit - drive.count(db, caller.user_id)


def _beyond_room(new: Sequence[Classification], room: int | None) -> dict[str, Result]:
    """What the drive's maximum keeps out: what is free goes first. A first run is let beyond it (4.3)."""
    if room is None:
        return {}
    ordered = sorted(new, key=lambda item: item.credits_required)
    return {
        item.slug: _turned(item, FAILED, "quota_exceeded: the drive is full.")
        for item in ordered[max(0, room) :]
    }


@dataclass(frozen=True, slots=True)
class _Present:
    """What is there now: slug → skill of the key, id → published record."""

    user_id: str
    hosted: Mapping[str, Hosted]
    records: Mapping[str, Skill]
    link: Link

    def stale(self, asked: Sequence[Classification]) -> dict[str, Result]:
        """What does not hold any more."""
        whys = {item.slug: self._why(item) for item in asked}
        return {item.slug: _turned(item, STALE, why) for item in asked if (why := whys[item.slug])}

    def new(self, asked: Sequence[Classification]) -> list[Classification]:
        """What would take room in the drive."""
        held = {one.skill_id for one in self.hosted.values()}
        return [
            item
            for item in asked
            if item.action == UPLOAD_PRIVATE
            or (item.action == CLAIM_PUBLIC and undashed(item.canonical_skill_id or "") not in held)
        ]

    def record(self, item: Classification) -> Skill | None:
        """The published skill that a claim names."""
        return self.records.get(undashed(item.canonical_skill_id or ""))

    def pinned(self, item: Classification, record: Skill) -> Version:
        """The version that the machine has, when it is a good one; else what is offered."""
        same = [row for row in record.versions if row.sha256 == item.content_sha and row.state != QUARANTINED]
        return same[-1] if same else download_of(record)

    def result(self, item: Classification) -> Result:
        """What is done about an item that holds."""
        told = Result(
            slug=item.slug,
            action=item.action,
            status=PENDING_UPLOAD,
            canonical_skill_id=item.canonical_skill_id,
        )
        if item.action in UPLOADS:
            return replace(told, credits_required=item.credits_required)
        if item.action == CLAIM_PUBLIC and (record := self.record(item)):
            version = self.pinned(item, record)
            return replace(told, status=COMMITTED, content_sha=version.sha256, version=version.ordinal)
        hosted = self.hosted[item.slug]
        return replace(
            told,
            status=PENDING_DOWNLOAD,
            download_url=self.link(hosted),
            download_content_sha=hosted.sha256,
            download_version=hosted.item.version,
        )

    def _why(self, item: Classification) -> str | None:
        hosted = self.hosted.get(item.slug)
        if item.action == CLAIM_PUBLIC:
            record = self.record(item)
            good = record is not None and record.offered
            return None if good else "The marketplace does not offer it any more."
        if item.action == UPLOAD_PRIVATE:
            return "The drive has a skill of this name now." if hosted else None
        if hosted is None or hosted.item.id != item.canonical_skill_id:
            return "The drive does not have it any more."
        if item.action in UPLOADS:
            return None if hosted.owner_id == self.user_id else "It is not yours to change."
        if not hosted.to_be_had:
            return "It is hidden, or was taken back."
        same = item.content_sha in {None, hosted.sha256}
        return None if same else "The drive has another version by now."


def _claim(
    db: Connection, caller: Caller, present: _Present, asked: Sequence[Classification], now: int
) -> None:
    """Put what is claimed into the drive: all of it, free, or nothing."""
    found = [(item, record) for item in asked if (record := present.record(item))]
    drive.know(db, [record for _, record in found], now)
    placed = [
        Placed(skill_id=undashed(record.id), ordinal=version.ordinal, sha256=version.sha256, origin=CLAIM)
        for item, record in found
        for version in [present.pinned(item, record)]
    ]
    drive.place(db, caller.user_id, placed, now)
    drive.join_collection(db, caller, [item.skill_id for item in placed], now)
