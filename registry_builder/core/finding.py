"""A finding: one thing that is wrong with one asset, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` is a stable id; `level` is "error" or "warning"; `line` counts from 1, 0 is the whole file."""

    rule: str
    level: str
    name: str
    path: str
    line: int
    message: str
    mend: str

    @property
    def place(self) -> str:
        """`path:line`, or the path alone."""
        return f"{self.path}:{self.line}" if self.line else self.path
