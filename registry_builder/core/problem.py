"""A problem: what a check found, before a policy gives it a level."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` counts from 1, 0 is the whole file. `path` is inside the folder, "" the folder itself.

    An empty `mend` stands for the rule's own.
    """

    rule: str
    line: int
    message: str
    mend: str = ""
    path: str = ""
