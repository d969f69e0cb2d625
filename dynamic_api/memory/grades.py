"""Grades of published bytes: the bucket has none, so the scan gives them here, once somebody asks."""

from __future__ import annotations

KEPT = 100_000
WAITING = 5_000


class Grades:
    """Digest → grade, as far as it is known; what is asked for and is not, waits to be graded."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._wanted: dict[str, str] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """Grows with every grade: for who remembers answers."""
        return self._count

    def of(self, slug: str, sha256: str) -> str | None:
        """The grade of an artifact; None until it was looked at."""
        found = self._known.get(sha256)
        if found is None and len(self._wanted) < WAITING:
            self._wanted[sha256] = slug
        return found

    def wanted(self, most: int) -> list[tuple[str, str]]:
        """Up to `most` of those that wait: slug and digest. They wait no longer."""
        taken = list(self._wanted.items())[:most]
        for sha256, _ in taken:
            del self._wanted[sha256]
        return [(slug, sha256) for sha256, slug in taken]

    def keep(self, grades: dict[str, str]) -> None:
        """Remember `grades`; the oldest make room."""
        self._known.update(grades)
        self._count += len(grades)
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
