"""Bundles for sx of private versions that came without one: uploads to the drive, and imports from GitHub.

A bundle is made once the version is there, because its number is in it: right after an upload, and for what
was there before, or was cut short, by `tasks/bundle_maker.py`. It is kept beside the version's own bytes and
remembered in the facts of the version. Making it twice gives the same bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select, update

from dynamic_api.database.engine import Database
from dynamic_api.database.tables import skill_versions, skills
from dynamic_api.database.tables.skills import PUBLISHED
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.private_store import PrivateStore
from dynamic_api.services.assets import MARK, NO_BUNDLE, SxFacts
from dynamic_api.sx.derived import derive

BATCH = 100


class Bare(Struct, frozen=True, kw_only=True):
    """A version that nobody has made a bundle of yet."""

    skill_id: str
    ordinal: int
    slug: str
    type: str
    label: str
    sha256: str
    facts: str


def bare(
    db: Connection, *, skill_id: str | None = None, after: tuple[str, int] = ("", 0), most: int = BATCH
) -> list[Bare]:
    """Up to `most` such versions, of one skill or of all, in the order of their keys."""
    version = skill_versions.c
    query = (
        select(skills.c.slug, skills.c.type, skill_versions)
        .join(skills, skills.c.id == version.skill_id)
        .where(
            skills.c.namespace != PUBLISHED,
            ~version.facts.startswith(MARK),
            ~version.facts.startswith(NO_BUNDLE),
            (version.skill_id > after[0]) | ((version.skill_id == after[0]) & (version.ordinal > after[1])),
        )
        .order_by(version.skill_id, version.ordinal)
    )
    if skill_id is not None:
        query = query.where(version.skill_id == skill_id)
    return [_bare(row) for row in db.execute(query.limit(most))]


async def complete(database: Database, store: PrivateStore, skill_id: str) -> None:
    """Make what a skill lacks. What cannot be made now is left for later, and told in the log."""
    await make(database, store, await database.read(lambda db: bare(db, skill_id=skill_id)))


async def make(database: Database, store: PrivateStore, versions: Sequence[Bare]) -> int:
    """Make the bundles of `versions`, one by one; how many there were to be had."""
    count = 0
    for each in versions:
        try:
            facts = await asyncio.to_thread(_made, store, each)
            await database.write(lambda db: _keep(db, each, facts))  # noqa: B023 - used up at once
        except Refusal as refusal:
            log.warning("no bundle of %s %s yet: %s", each.slug, each.label, refusal.message)
        else:
            count += facts is not None
    return count


def _made(store: PrivateStore, bare: Bare) -> SxFacts | None:
    """None when sx can have none. Raises Absent, Unavailable."""
    found = derive(store.get(bare.sha256), bare.slug, bare.type, bare.label)
    if found is None:
        return None
    store.put(found.sha256, [found.body])
    return SxFacts(found.clients, found.dependencies, found.sha256, len(found.body), found.files)


def _keep(db: Connection, bare: Bare, facts: SxFacts | None) -> None:
    """Unless the skill has another name by now, or somebody else was first."""
    version, named = skill_versions.c, select(skills.c.slug).where(skills.c.id == bare.skill_id)
    if db.execute(named.with_for_update()).scalar() != bare.slug:
        return
    told = {"sx": facts, **msgspec.json.decode(bare.facts)}
    same = (version.skill_id == bare.skill_id, version.ordinal == bare.ordinal, version.facts == bare.facts)
    db.execute(update(skill_versions).where(*same).values(facts=msgspec.json.encode(told).decode()))


def _bare(row: Any) -> Bare:
    return Bare(
        skill_id=row.skill_id,
        ordinal=row.ordinal,
        slug=row.slug,
        type=row.type,
        label=row.label,
        sha256=row.sha256,
        facts=row.facts,
    )
