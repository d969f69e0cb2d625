"""`sync/preview`: what would happen to each skill of a machine and a drive, and what it would cost (5.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct
from sqlalchemy import Connection

from dynamic_api.catalogue import Skill
from dynamic_api.ids import undashed
from dynamic_api.services import credits, drive
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.services.sync_plan import (
    CLAIM_PUBLIC,
    DOWNLOAD_INSTALL,
    DOWNLOAD_UPDATE,
    DOWNLOADS,
    UPLOAD_PRIVATE,
    UPLOADS,
    WITHDRAWN,
    Classification,
    classified,
    decide,
    upload_price,
)
from dynamic_api.services.sync_view import Hosted, Known, Local, hosted_of, once
from dynamic_api.settings import Credits
from registry_builder.core.ledger import QUARANTINED

SOURCE = "skillzdrive:"


class Pushes(Struct, frozen=True):
    """What goes to the drive."""

    free_claims: int
    paid_uploads: int
    total_credits: int


class Pulls(Struct, frozen=True):
    """What comes from it."""

    installs: int
    updates: int


class Overage(Struct, frozen=True):
    """What a first run would bring beyond the maximum (4.3)."""

    current_max: int
    after_sync: int
    would_grandfather: bool


class Summary(Struct, frozen=True):
    """What all of it comes to. `free_tier_overage` is null for a tier without a maximum."""

    pushes: Pushes
    pulls: Pulls
    balance: int
    balance_after: int
    balance_sufficient: bool
    free_tier_overage: Overage | None


class Preview(Struct, frozen=True):
    """Skills with nothing to do are left out."""

    classifications: tuple[Classification, ...]
    summary: Summary


def preview(
    db: Connection,
    published: Published,
    caller: Caller,
    prices: Credits,
    local: Sequence[Local],
    known: Sequence[Known],
    *,
    now: int,
) -> Preview:
    """What a sync would do now. Raises Invalid for a slug that comes twice."""
    machine, base = once(local, "local"), once(known, "hosted_known")
    hosted = hosted_of(db, published, caller)
    sides = _Sides(machine, hosted, {slug: item.content_sha for slug, item in base.items()})
    found = tuple(_classify(sides, _market(published, sides), caller, prices))
    return Preview(found, _summary(db, caller, prices, found, now))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Slug → what the machine has, what the key sees, and what the machine last saw there."""

    machine: Mapping[str, Local]
    hosted: Mapping[str, Hosted]
    base: Mapping[str, str]

    def pushed(self) -> list[Local]:
        """What only the machine has, and never saw on the drive."""
        return [
            item for slug, item in self.machine.items() if slug not in self.hosted and slug not in self.base
        ]


@dataclass(frozen=True, slots=True)
class _Market:
    """Slug of the machine → the published skill it is; digest → why it is taken back."""

    matches: Mapping[str, Skill]
    withdrawn: Mapping[str, str]


def _market(published: Published, sides: _Sides) -> _Market:
    """By source, else by equal bytes: three looks at the catalogue, whatever the number of skills."""
    pushed = sides.pushed()
    named = {item.slug: item.source.removeprefix(SOURCE) for item in pushed if item.source.startswith(SOURCE)}
    holders = published.by_sha256s(item.content_sha for item in pushed if item.slug not in named)
    slugs = {*named.values(), *(one.slug for one in holders.values() if one.state != QUARANTINED)}
    records = published.by_slugs(slugs)
    matches = {}
    for item in pushed:
        holder = holders.get(item.content_sha)
        record = records.get(named.get(item.slug) or (holder.slug if holder else ""))
        if record is not None:
            matches[item.slug] = record
    return _Market(matches, published.withdrawn(item.content_sha for item in sides.machine.values()))


def _classify(sides: _Sides, market: _Market, caller: Caller, prices: Credits) -> Iterator[Classification]:
    held = {one.skill_id for one in sides.hosted.values()}
    same = {undashed(record.id) for record in market.matches.values()} & held
    for slug in sorted({*sides.machine, *sides.hosted}):
        local, hosted = sides.machine.get(slug), sides.hosted.get(slug)
        match = market.matches.get(slug)
        if hosted and (not hosted.item.enabled or (local is None and hosted.skill_id in same)):
            continue
        if match and undashed(match.id) in held:
            continue
        reason = _withdrawn(local, hosted, market)
        if reason:
            yield classified(slug, WITHDRAWN, reason=f"These bytes were taken back: {reason}. Remove them.")
        elif found := _decided(sides, slug, match, caller, prices):
            yield found


def _withdrawn(local: Local | None, hosted: Hosted | None, market: _Market) -> str | None:
    """Why nothing may be done with this skill, if its bytes on either side were taken back."""
    if local and (reason := market.withdrawn.get(local.content_sha)):
        return reason
    return hosted.withdrawn if hosted else None


def _decided(
    sides: _Sides, slug: str, match: Skill | None, caller: Caller, prices: Credits
) -> Classification | None:
    local, hosted = sides.machine.get(slug), sides.hosted.get(slug)
    action = decide(
        local.content_sha if local else None,
        hosted.sha256 if hosted else None,
        sides.base.get(slug),
        owned=hosted is not None and hosted.owner_id == caller.user_id,
    )
    if action is None or (action in DOWNLOADS and not (hosted and hosted.to_be_had)):
        return None
    if action == UPLOAD_PRIVATE and match:
        sha256 = local.content_sha if local else None
        return classified(slug, CLAIM_PUBLIC, skill_id=match.id, sha256=sha256)
    price = upload_price(local.size_bytes, prices) if local and action in UPLOADS else 0
    giver = local.content_sha if local and action in UPLOADS else hosted.sha256 if hosted else None
    return classified(slug, action, price=price, skill_id=hosted.item.id if hosted else None, sha256=giver)


def _summary(
    db: Connection, caller: Caller, prices: Credits, found: Sequence[Classification], now: int
) -> Summary:
    actions: list[str] = [item.action for item in found]
    total = sum(item.credits_required for item in found)
    balance = credits.expected_balance(db, caller, prices, now)
    claims, uploads = actions.count(CLAIM_PUBLIC), sum(action in UPLOADS for action in actions)
    new = claims + actions.count(UPLOAD_PRIVATE)
    return Summary(
        Pushes(claims, uploads, total),
        Pulls(actions.count(DOWNLOAD_INSTALL), actions.count(DOWNLOAD_UPDATE)),
        balance,
        balance - total,
        balance >= total,
        _overage(db, caller, prices, new),
    )


def _overage(db: Connection, caller: Caller, prices: Credits, new: int) -> Overage | None:
    limit = drive.most(db, caller, prices)
    if limit is None:
        return None
    after = drive.count(db, caller.user_id) + new
    return Overage(limit, after, after > limit)
