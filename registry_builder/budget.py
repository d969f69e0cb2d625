"""Holds every file of a release to the limit of the client that reads it (DESIGN.md D6)."""

from __future__ import annotations

import re

from registry_builder.core.errors import OverBudget
from registry_builder.emit.base import Budget


class Enforcer:
    """Holds every file to the limit of the client that reads it."""

    def __init__(self, limits: tuple[Budget, ...]) -> None:
        self._least = min((budget.bytes for budget in limits), default=0)
        self._limits = [(re.compile(budget.pattern), budget) for budget in limits]

    def check(self, key: str, size: int) -> None:
        """Raises OverBudget when `size` bytes at `key` are more than its client takes."""
        for pattern, budget in self._limits if size > self._least else ():
            if size > budget.bytes and pattern.fullmatch(key):
                raise OverBudget(
                    "over-budget",
                    f"{size} bytes, but {budget.why}",
                    place=key,
                    mend="publish fewer or smaller assets, or switch this emitter off",
                )
