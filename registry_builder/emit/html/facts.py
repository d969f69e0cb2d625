"""What a skill can do, as far as its files say: scripts, tools, hosts and names of environment variables.

Found by the patterns below over text files; a hint for people who choose, no proof. A token is taken for four
bytes of UTF-8, which is near for English and high for code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from registry_builder.core.folder import File
from registry_builder.core.skill import Skill
from registry_builder.emit.html.shown import decoded

SCANNED = 1_048_576
"""The most bytes of a skill that are searched."""
MOST = 50
"""The most items that one row shows."""

_HOST = re.compile(
    r"\bhttps?://(?:[^\s/@\"'<>]{1,64}@)?([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)", re.IGNORECASE
)
_ENVIRONMENT = re.compile(
    r"""(?:\$\{?|(?:environ(?:\.get)?|getenv|env(?:::var)?|ENV)[\[(.]\s{0,4}["']?|\$env:)([A-Z][A-Z0-9_]{2,63})\b"""
)
_COMMON = frozenset(
    ("HOME", "PATH", "PWD", "OLDPWD", "SHELL", "TMPDIR", "USER", "LANG", "IFS", "EOF", "RANDOM")
)


@dataclass(frozen=True, slots=True)
class Ability:
    """One kind of thing a version can do or reach: all of it, and what the version before did not have."""

    label: str
    items: tuple[str, ...]
    added: frozenset[str]
    dropped: tuple[str, ...]
    more: int


def abilities(new: tuple[Skill, Sequence[File]], old: tuple[Skill, Sequence[File]] | None) -> list[Ability]:
    """What `new` can do, compared with `old` when there is one. Rows without items are left out."""
    found = _gathered(*new)
    before = _gathered(*old) if old else found
    rows = []
    for label, items in found.items():
        dropped = tuple(sorted(before[label] - items))[:MOST]
        if items or dropped:
            shown = tuple(sorted(items))[:MOST]
            rows.append(
                Ability(label, shown, frozenset(items - before[label]), dropped, len(items) - len(shown))
            )
    return rows


def tokens(size: int) -> int:
    """How many tokens `size` bytes of text are, roughly."""
    return -(-size // 4)


def _gathered(skill: Skill, files: Sequence[File]) -> dict[str, set[str]]:
    hosts: set[str] = set()
    names = set(skill.required_env)
    left = SCANNED
    for file in files:
        data = file.data[: max(left, 0)]
        if decoded(file.data) is not None:
            text = data.decode(errors="replace")
            left -= len(data)
            hosts.update(host.lower() for host in _HOST.findall(text))
            names.update(_ENVIRONMENT.findall(text))
    return {
        "Runs": set(skill.scripts),
        "Tools it asks for": set(skill.allowed_tools),
        "Hosts it names": hosts,
        "Environment it reads": names - _COMMON,
    }
