"""Broad search: what is published, and what the operator's GitHub sources hold (skillzdrive.md row 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from dynamic_api.catalogue import Catalogue
from dynamic_api.catalogue.words import words_of
from dynamic_api.outbound.sources import Found, Snapshot, Sources
from dynamic_api.services.finding import fits

PAGE = 10
MARKETPLACE, GITHUB = "marketplace", "github"


class FromGitHub(Struct, frozen=True):
    """A skill in somebody's repository: `github_url` is what an import takes."""

    slug: str
    name: str
    description: str
    tags: tuple[str, ...]
    github_url: str
    repository: str
    id: None = None
    version: None = None
    category: str = GITHUB
    source: str = GITHUB


class Source(Struct, frozen=True):
    """A repository that is looked through: how old its list is, and why it is not younger."""

    repository: str
    skills: int
    age_seconds: int | None
    failure: str | None


class Discovered(Struct, frozen=True):
    """A page of ten: what is published first, best first, then repository by repository."""

    skills: list[dict[str, Any]]
    offset: int
    next_offset: int | None
    sources: list[Source]


async def discover(
    catalogue: Catalogue, sources: Sources, keywords: str, offset: int, now: int
) -> Discovered:
    """The page that begins at `offset`."""
    span = range(offset, offset + PAGE)
    published, count = await asyncio.to_thread(catalogue.window, keywords, span)
    elsewhere = _fitting(sources.skills, keywords)
    skills: list[dict[str, Any]] = [
        msgspec.json.decode(skill.json) | {"source": MARKETPLACE} for skill in published
    ]
    start, stop = max(0, span.start - count), max(0, span.stop - count)
    skills += [_shown(found) for found in elsewhere[start:stop]]
    more = count + len(elsewhere) > span.stop
    moment = datetime.fromtimestamp(now / 1000, UTC)
    told = [_source(snapshot, moment) for snapshot in sources.snapshots]
    return Discovered(skills, offset, span.stop if more else None, told)


def _fitting(skills: Sequence[Found], keywords: str) -> list[Found]:
    words = list(dict.fromkeys(words_of(keywords)))
    if not words:
        return []
    return [
        found
        for found in skills
        if fits(" ".join((found.name, found.description, found.repository, *found.tags)), words)
    ]


def _shown(found: Found) -> dict[str, Any]:
    shown = FromGitHub(found.name, found.name, found.description, found.tags, found.url, found.repository)
    return msgspec.structs.asdict(shown)


def _source(snapshot: Snapshot, now: datetime) -> Source:
    age = snapshot.age(now)
    seconds = None if age is None else max(0, round(age.total_seconds()))
    return Source(snapshot.repository, len(snapshot.skills), seconds, snapshot.failure)
