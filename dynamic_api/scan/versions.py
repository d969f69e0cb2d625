"""Versions of packages, put in order: PEP 440 and semver, as far as advisories need it."""

from __future__ import annotations

import re

_VERSION = re.compile(
    r"[v=]{0,2}\s{0,4}(?:[0-9]{1,4}!)?(?P<release>[0-9]{1,18}(?:\.[0-9]{1,18}){0,7})"
    r"(?:[-_.]?(?P<stage>a|alpha|b|beta|c|rc|pre|preview|dev|post|rev|r)[-_.]?(?P<number>[0-9]{0,18})|-(?P<other>[0-9A-Za-z.-]{1,80}))?"
    r"(?:\.dev[0-9]{0,9})?(?:\+[0-9A-Za-z.-]{0,80})?",
    re.IGNORECASE,
)
_STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1, "preview": -1}

Key = tuple[tuple[int, ...], int, int, str]


def version_key(text: str) -> Key | None:
    """What sorts as the version does; None for what is none. Zeros at the end do not count."""
    match = _VERSION.fullmatch(text.strip()[:200])
    if match is None:
        return None
    numbers = [int(part) for part in match["release"].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    if match["other"]:
        return tuple(numbers), -3, 0, match["other"].lower()
    stage = (match["stage"] or "").lower()
    return tuple(numbers), _STAGES.get(stage, 1 if stage else 0), int(match["number"] or 0), ""
