"""The addresses of folders on GitHub that an import takes: one form, one host, nothing to be normalised."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dynamic_api.errors import Invalid
from registry_builder.core.artifact.paths import flaw_of

LONGEST = 1000
MOST_SEGMENTS = 16

_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}"
_REPO = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]{1,100}"
_SEGMENT = re.compile(r"[A-Za-z0-9._+@=,~ -]+")
_SOURCE = re.compile(rf"({_OWNER})/({_REPO})")
_MEND = "give https://github.com/owner/repo/tree/<branch, tag or commit>/<folder of the skill>"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, and what follows `tree`: a ref, then a folder. Only GitHub knows where a ref ends."""

    owner: str
    repo: str
    segments: tuple[str, ...] = ()

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.repo}"


def is_github_url(text: str) -> bool:
    """Whether `text` is meant as an address on GitHub, right or wrong, and not as the name of a skill."""
    return "://" in text or text.startswith("github.com/")


def parse_url(text: str, host: str = "github.com") -> Place:
    """`https://<host>/owner/repo`, or the same with `/tree/<ref>[/<folder>]`. Raises Invalid."""
    start = f"https://{host}/"
    if len(text) > LONGEST:
        raise _bad("is too long")
    if not text.startswith(start):
        raise _bad(f"does not begin with {start}")
    rest = text.removeprefix(start).removesuffix("/")
    owner, _, rest = rest.partition("/")
    repo, slash, rest = rest.partition("/")
    place = parse_repository(f"{owner}/{repo.removesuffix('.git')}")
    if not slash:
        return place
    tree, _, rest = rest.partition("/")
    segments = tuple(rest.split("/"))
    if tree != "tree" or not all(map(_SEGMENT.fullmatch, segments)) or len(segments) > MOST_SEGMENTS:
        raise _bad("is not the address of a folder")
    # A ref could not hold what a path may not, except a colon or the name of a device.
    if any(segment in (".", "..", "@") or segment.startswith("-") for segment in segments) or flaw_of(rest):
        raise _bad("is not the address of a folder")
    return Place(place.owner, place.repo, segments)


def parse_repository(text: str) -> Place:
    """`owner/repo`. Raises Invalid."""
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise _bad("names no repository")
    return Place(match[1], match[2])


def _bad(what: str) -> Invalid:
    return Invalid("bad_github_url", f"the address {what}", mend=_MEND)
