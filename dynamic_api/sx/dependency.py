"""What an asset needs: a name and the versions that will do, such as `pdf-tools>=2,<4`.

Source: contracts/sx.md section 4. The operators mean what PEP 440 says; versions in them are plain numbers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from dynamic_api.sx.version import Reading, read

_FORM = re.compile(r"([A-Za-z0-9_-]+)\s*(.*)", re.DOTALL)
_CLAUSE = re.compile(r"\s*(==|!=|<=|>=|~=|<|>)\s*([0-9]+(?:\.[0-9]+){0,2})\s*")

Clause = tuple[str, Reading]


class Dependency(NamedTuple):
    """`name`, and what its version has to be; nothing when any will do. `text` is what the author wrote."""

    name: str
    clauses: tuple[Clause, ...]
    text: str

    def admits(self, reading: Reading) -> bool:
        """Whether a version that reads so will do."""
        return all(_holds(operator, reading, bound) for operator, bound in self.clauses)

    def pins(self, reading: Reading) -> bool:
        """Whether this names exactly that version."""
        return ("==", reading) in self.clauses and self.admits(reading)


@lru_cache(maxsize=1 << 14)
def read_dependency(text: str) -> Dependency | None:
    """`text` as a dependency; None when it cannot be read."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    clauses: list[Clause] = []
    for part in match[2].split(",") if match[2] else ():
        found = _clauses(part)
        if found is None:
            return None
        clauses += found
    return Dependency(match[1], tuple(clauses), text)


def _clauses(part: str) -> list[Clause] | None:
    match = _CLAUSE.fullmatch(part)
    bound = read(match[2]) if match else None
    if match is None or bound is None:
        return None
    if match[1] != "~=":
        return [(match[1], bound)]
    places = match[2].count(".")
    if places == 0:
        return None  # PEP 440: "must not be used with a single segment version number"
    major, minor, _ = bound.numbers
    return [(">=", bound), ("<", Reading((major + 1, 0, 0) if places == 1 else (major, minor + 1, 0), 1))]


def _holds(operator: str, reading: Reading, bound: Reading) -> bool:
    if operator == "==":
        return reading == bound
    if operator == "!=":
        return reading != bound
    if operator == ">=":
        return reading >= bound
    if operator == "<=":
        return reading <= bound
    if operator == ">":
        return reading > bound
    return reading < bound and reading.numbers != bound.numbers  # <2 is not for 2.0.0-rc.1
