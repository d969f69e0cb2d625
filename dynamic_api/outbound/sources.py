"""The skills in repositories that the operator lists: kept in memory, each list with its age."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO

from dynamic_api.errors import Refusal
from dynamic_api.outbound.github import GitHub, Pinned
from dynamic_api.outbound.github_url import Place, is_github_url, parse_repository, parse_url
from dynamic_api.outbound.imports import PROMPT
from dynamic_api.outbound.tar_reader import TAR, Archive, TarEntry, TarLimits, read_tar
from registry_builder.core.folder import File, Folder
from registry_builder.core.frontmatter import read_front_matter
from registry_builder.core.rules import name_problem
from registry_builder.core.skill import skill_of

MOST_SKILLS = 2_000
PROMPT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A skill in somebody's repository; `url` is what an import takes."""

    name: str
    description: str
    tags: tuple[str, ...]
    repository: str
    path: str
    url: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository as it was read at `fetched_at`, None if it never was.

    `failed_at` and `failure` tell of the newest try if that failed: what was read before stays.
    """

    repository: str
    commit: str | None = None
    skills: tuple[Found, ...] = ()
    fetched_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None

    def age(self, now: datetime) -> timedelta | None:
        """How old the list is."""
        return None if self.fetched_at is None else now - self.fetched_at


class Sources:
    """The listed repositories: `owner/repo`, or an address with a branch. `skills` never waits for GitHub."""

    def __init__(
        self,
        github: GitHub,
        repositories: Sequence[str],
        *,
        fresh: timedelta = timedelta(hours=6),
        retry: timedelta = timedelta(minutes=10),
        tar_limits: TarLimits = TAR,
    ) -> None:
        """Raises Invalid for a repository that is written wrong."""
        self._github = github
        self._places = tuple(_place(text, github.host.web) for text in repositories)
        self._fresh = fresh
        self._retry = retry
        self._tar_limits = tar_limits
        self._snapshots = {place: Snapshot(place.repository) for place in self._places}
        self._lock = asyncio.Lock()

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """One for each repository, in the operator's order."""
        return tuple(self._snapshots[place] for place in self._places)

    @property
    def skills(self) -> tuple[Found, ...]:
        """Everything that was found, repository by repository, each by path."""
        return tuple(found for snapshot in self.snapshots for found in snapshot.skills)

    def due(self, now: datetime) -> tuple[Place, ...]:
        """The repositories that `refresh` would ask about."""
        return tuple(place for place in self._places if self._is_due(self._snapshots[place], now))

    async def refresh(self, now: datetime) -> None:
        """Read each repository whose list is too old, one after another. A failure is kept, not raised."""
        async with self._lock:
            for place in self.due(now):
                before = self._snapshots[place]
                try:
                    self._snapshots[place] = await self._read(place, before, now)
                except Refusal as error:
                    self._snapshots[place] = replace(before, failed_at=now, failure=error.message)

    def _is_due(self, snapshot: Snapshot, now: datetime) -> bool:
        if snapshot.failed_at is not None:
            return now - snapshot.failed_at >= self._retry
        return snapshot.fetched_at is None or now - snapshot.fetched_at >= self._fresh

    async def _read(self, place: Place, before: Snapshot, now: datetime) -> Snapshot:
        pinned = await self._github.pin(place)
        if pinned.commit == before.commit:
            return replace(before, fetched_at=now, failed_at=None, failure=None)
        async with self._github.archive(pinned) as file:
            web = self._github.host.web
            skills = await asyncio.to_thread(find_skills, file, pinned, web, self._tar_limits)
        return Snapshot(place.repository, pinned.commit, skills, now)


def find_skills(file: IO[bytes], pinned: Pinned, host: str, limits: TarLimits) -> tuple[Found, ...]:
    """By path, each folder whose SKILL.md has a good name and a description. Raises Upstream."""
    prefix = f"{pinned.path}/" if pinned.path else ""
    left = MOST_SKILLS

    def wants(path: str, size: int) -> bool:
        nonlocal left
        named = path.startswith(prefix) and path.rpartition("/")[2] == PROMPT
        left -= named
        return named and size <= PROMPT_BYTES and left >= 0

    entries = read_tar(file, wants, limits, Archive())
    skills = (_found(entry, pinned, host) for entry in entries if entry.target is None)
    return tuple(sorted((skill for skill in skills if skill), key=lambda skill: skill.path))


def _found(entry: TarEntry, pinned: Pinned, host: str) -> Found | None:
    path = entry.path.rpartition("/")[0]
    front, _ = read_front_matter(entry.data)
    if front is None:
        return None
    said = front.fields.get("name")
    name = said if isinstance(said, str) else path.rpartition("/")[2]
    skill = skill_of(Folder(name, path, "", (File(PROMPT, entry.data),)), front)
    if name_problem(name) or not skill.description:
        return None
    repository = pinned.place.repository
    url = f"https://{host}/{repository}/tree/{pinned.ref}" + (f"/{path}" if path else "")
    return Found(name, skill.description, skill.tags, repository, path, url)


def _place(text: str, host: str) -> Place:
    return parse_url(text, host) if is_github_url(text) else parse_repository(text)
