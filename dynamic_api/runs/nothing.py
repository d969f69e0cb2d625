"""The sandbox of an operator who wants none: everything is refused."""

from __future__ import annotations

from typing import NoReturn

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import MIB, FilePart, FileRow, Health, Job, OnOutput, Outcome

HEALTH = Health("none", "refused", reason="the operator has turned runs off (runs.backend)")


class NoSandbox:
    """Satisfies `base.Sandbox`."""

    @property
    def health(self) -> Health:
        """Always refused."""
        return HEALTH

    async def start(self) -> Health:
        """Nothing is tried."""
        return HEALTH

    async def stop(self) -> None:
        """Nothing is open."""

    async def open(self, session: str, disk_bytes: int = 64 * MIB) -> None:
        """Raises Unavailable."""
        _refuse()

    async def run(self, session: str, job: Job, on_output: OnOutput | None = None) -> Outcome:
        """Raises Unavailable."""
        _refuse()

    async def read(self, session: str, path: str, offset: int = 0, size: int = MIB) -> FilePart:
        """Raises Unavailable."""
        _refuse()

    async def read_lines(self, session: str, path: str, first: int = 1, count: int = 1000) -> bytes:
        """Raises Unavailable."""
        _refuse()

    async def list(self, session: str, folder: str) -> list[FileRow]:
        """Raises Unavailable."""
        _refuse()

    async def put(self, session: str, path: str, data: bytes) -> None:
        """Raises Unavailable."""
        _refuse()

    async def close(self, session: str) -> None:
        """Nothing is open."""


def _refuse() -> NoReturn:
    raise Unavailable("sandbox_unavailable", HEALTH.reason)
