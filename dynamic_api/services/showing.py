"""One skill by its slug, as a caller sees it (contracts/skillzdrive.md row 2, DESIGN.md D9)."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec
from sqlalchemy import Connection, bindparam, or_, select

from dynamic_api.catalogue import Answer, Catalogue
from dynamic_api.database.tables import skills
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.memory.remembered import Remembered
from dynamic_api.services import drive_list, holding, visibility
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published, no_skill, taken_back
from registry_builder.core.ledger import QUARANTINED

PLACE = "slug"
_NOTHING = b""
_PRIVATE_SLUGS = "private slugs"
_SLUG_BYTES = 120
# What toggles and lists keep from a key is left out later; whose skill it is decides here, so that what is
# another's costs what is not there.
_REACHED = (
    select(skills.c.slug)
    .where(
        skills.c.namespace != PUBLISHED,
        skills.c.deleted_at.is_(None),
        or_(
            skills.c.namespace.in_((bindparam("me"), ORGANISATION)),
            skills.c.id.in_(holding.held(with_teams=True, with_shares=True)),
        ),
    )
    .distinct()
)


async def show(
    remembered: Remembered, catalogue: Catalogue, published: Published, caller: Caller | None, slug: str
) -> Answer:
    """The body for `slug`: own → team → shared → organisation → published. Raises Absent, Withdrawn.

    For a published skill they are the bytes of the bucket.
    """
    if caller is not None and slug in await _private_slugs(remembered, caller):
        body = await remembered.database.read(lambda db: _private(db, published, caller, slug))
        if body:
            return Answer(body, f'"{hashlib.sha256(body).hexdigest()}"')
    answer = published.answer(slug)
    if answer is None:
        raise no_skill(slug, await asyncio.to_thread(published.suggest, slug), PLACE)
    if not answer.offered:
        _refuse_quarantined(catalogue, slug)
    return answer


async def _private_slugs(remembered: Remembered, caller: Caller) -> frozenset[str]:
    """The names of private skills that may be the caller's to see: asked once for all of them."""

    def ask(db: Connection) -> frozenset[str]:
        return frozenset(db.execute(_REACHED, {"me": caller.user_id}).scalars())

    return await remembered.value((_PRIVATE_SLUGS, caller.user_id), ask, _size)


def _size(slugs: frozenset[str]) -> int:
    return len(slugs) * _SLUG_BYTES


def _refuse_quarantined(catalogue: Catalogue, slug: str) -> None:
    skill = catalogue.skill(slug)
    if skill is not None and skill.state == QUARANTINED:
        raise taken_back(skill.versions[-1].reason or QUARANTINED)


def _private(db: Connection, published: Published, caller: Caller, slug: str) -> bytes:
    """The body of a private skill; nothing when `slug` is none. Raises Withdrawn."""
    seen = visibility.resolve(db, caller, slug)
    if seen is None or seen.is_published:
        everybodys = visibility.of_organisation(db, slug) if seen is None else []
        if not everybodys:
            return _NOTHING
        seen = everybodys[0]
    (item,) = drive_list.items([seen], published)
    if item.state == QUARANTINED:
        raise taken_back(item.reason or QUARANTINED)
    # Private bytes have no address that lasts: POST /api/v1/downloads gives one for a day.
    return msgspec.json.encode({"data": {"skill": item, "download": None}})
