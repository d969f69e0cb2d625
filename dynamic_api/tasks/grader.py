"""Grades published skills that somebody has or may get, one after the other, in the process aside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dynamic_api.aside import Aside
from dynamic_api.errors import Refusal
from dynamic_api.memory.grades import Grades
from dynamic_api.memory.public_bytes import PublicBytes
from dynamic_api.services import examined
from dynamic_api.settings import Uploads
from dynamic_api.tasks.background import pause

LOOK_SECONDS, AT_ONCE = 0.5, 20


@dataclass(frozen=True, slots=True)
class Grader:
    """`run` it until `stop` is set."""

    grades: Grades
    bytes: PublicBytes
    aside: Aside
    limits: Uploads

    async def run(self, stop: asyncio.Event) -> None:
        """Grade what waits. What cannot be read now is left until it is asked for again."""
        while not stop.is_set():
            found = {}
            for slug, sha256 in self.grades.wanted(AT_ONCE):
                if not stop.is_set() and (letter := await self._grade(slug, sha256)):
                    found[sha256] = letter
            if found:
                self.grades.keep(found)
            else:
                await pause(stop, LOOK_SECONDS)

    async def _grade(self, slug: str, sha256: str) -> str | None:
        try:
            body = await asyncio.to_thread(self.bytes.read, slug, sha256)
            return await self.aside.run(examined.grade, slug, body, self.limits)
        except Refusal:
            return None
