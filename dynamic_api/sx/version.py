"""Version labels as sx reads them: lenient semantic versions, and those that it would misread.

Source: Semantic Versioning 2.0.0 section 11 for the order; sx accepts fewer than three numbers and a `v`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

LENGTH = 64
_MOST = (1 << 63) - 1
_FORM = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)

Identifier = tuple[int, int, str]


class Reading(NamedTuple):
    """What a label means; readings compare as versions do. `last` is 1 for a release, 0 for a pre-release."""

    numbers: tuple[int, int, int]
    last: int
    pre: tuple[Identifier, ...] = ()


@lru_cache(maxsize=1 << 16)
def read(label: str) -> Reading | None:
    """What sx takes `label` for; None for a label that it refuses, or reads as something else."""
    match = _FORM.fullmatch(label)
    if match is None or flaw(label) is not None:
        return None
    major, minor, patch, pre = match.groups(default="")
    numbers = (int(major), int(minor or 0), int(patch or 0))
    if not pre:
        return Reading(numbers, 1)
    return Reading(numbers, 0, tuple(map(_identifier, pre.split("."))))


def flaw(label: str) -> str | None:
    """Why `label` cannot be a version here, or None."""
    if len(label) > LENGTH:
        return f"has more than {LENGTH} characters"
    match = _FORM.fullmatch(label)
    if match is None:
        return "is no semantic version, such as 3, 1.2 or 1.2.3-rc.1"
    numbers = [number for number in match.groups()[:3] if number is not None]
    pre = match[4].split(".") if match[4] else []
    counts = [*numbers, *(item for item in pre if item.isdigit())]
    if any(len(number) > 1 and number[0] == "0" for number in counts):
        return "has a number that begins with 0, which sx drops or refuses"
    if any(int(number) > _MOST for number in counts):
        return "has a number that does not fit into 64 bits"
    if pre and len(numbers) < 3:
        return f"is read as a pre-release of {'.'.join(numbers)}: give three numbers before the hyphen"
    return None


def same_as(label: str, others: Iterable[str]) -> str | None:
    """The first of `others` that sx takes for the version `label`: 1, v1, 1.0 and 1.0.0+x are one."""
    reading = read(label)
    return next((other for other in others if other == label or (reading and read(other) == reading)), None)


def _identifier(text: str) -> Identifier:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)
