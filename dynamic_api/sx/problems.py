"""Everything that is wrong with one upload, gathered, and raised once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dynamic_api.errors import Inside, Invalid, TooLarge
from registry_builder.core.errors import Unfit
from registry_builder.core.shown import shown

MOST = 50
"""So many problems are told; a file can be made to have any number."""


class Problem(NamedTuple):
    """One thing that is wrong: a stable code, a sentence, the place, and what to do."""

    code: str
    message: str
    place: str = ""
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def refusal(problems: Sequence[Problem]) -> Invalid:
    """One error for all `problems`. sx shows its message as it is, so that has them all."""
    told = problems[:MOST]
    first = told[0]
    if len(problems) == 1:
        place = Inside(first.place) if first.place else None
        return Invalid(first.code, str(first), place=place, mend=first.mend or None)
    more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
    message = f"{len(problems)} problems: {'; '.join(map(str, told))}{more}"
    extra = {"problems": [problem._asdict() for problem in told]}
    return Invalid("bundle-invalid", message, mend="correct them and upload again", extra=extra)


def translated(error: Unfit) -> Invalid:
    """An error of the builder's core as one of the API."""
    form = TooLarge if error.code == "zip-too-big" else Invalid
    where = f"{shown(error.place)}: " if error.place else ""
    place, mend = Inside(error.place) if error.place else None, error.mend or None
    return form(error.code, f"{where}{error.message}", place=place, mend=mend)
