"""Rules that span assets: names are one namespace for skills, other assets and collections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from registry_builder.core.finding import Finding
from registry_builder.core.rules.paths import folded
from registry_builder.core.rules.rule import Policy, Rule, refused, rule
from registry_builder.core.shown import shown

NAME_TWICE = refused(
    "name-twice",
    "Two assets or collections have one name",
    "Names are one namespace; upper and lower case, and Unicode forms, are the same name to a file system.",
    "rename one of them",
)
NAME_CONFUSABLE = rule(
    "name-confusable",
    "Two names look alike",
    "error",
    "warning",
    why=(
        "Somebody installs one and means the other: rn and m, vv and w, cl and d, 0 and o, 1, l "
        "and i are taken for the same."
    ),
    mend="rename one of them, or list the pair under allow_confusable in registry.toml",
)
RULES = (NAME_TWICE, NAME_CONFUSABLE)

# Pairs of letters first, so that the `ci` of `setup-ci` is not taken for `cl` and then for `d`.
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("c1", "d"))
_LETTERS = str.maketrans({"0": "o", "1": "l", "i": "l"})

Names = Sequence[tuple[str, str]]


def skeleton(name: str) -> str:
    """What a quick eye takes `name` for. Our own small table in the manner of Unicode TR39."""
    for pair, letter in _PAIRS:
        name = name.replace(pair, letter)
    return name.translate(_LETTERS)


def check_names(names: Iterable[tuple[str, str]], policy: Policy) -> tuple[Finding, ...]:
    """What is wrong between `names`, pairs of a name and the path that claims it, collections included.

    Every holder of a name gets the finding: which of them is meant is for a person to decide.
    """
    claimed = sorted(set(names))
    found = [*_twice(claimed)]
    level = policy.level(NAME_CONFUSABLE)
    if level != "off":
        found += _confusable(claimed, policy, level)
    return tuple(sorted(found, key=lambda finding: (finding.path, finding.name, finding.rule)))


def _groups(names: Names, key: dict[str, str]) -> Iterator[Names]:
    groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, path in names:
        groups[key[name]].append((name, path))
    return (group for group in groups.values() if len(group) > 1)


def _twice(names: Names) -> Iterator[Finding]:
    for group in _groups(names, {name: folded(name) for name, _ in names}):
        for name, path in group:
            others = [
                f"{shown(other)} at {shown(place)}"
                for other, place in group
                if (other, place) != (name, path)
            ]
            yield _finding(
                NAME_TWICE, "error", name, path, f"{shown(name)} is the same name as {_some(others)}"
            )


def _confusable(names: Names, policy: Policy, level: str) -> Iterator[Finding]:
    for group in _groups(names, {name: skeleton(folded(name)) for name, _ in names}):
        for name, path in group:
            others = [
                shown(other)
                for other in dict.fromkeys(other for other, _ in group)
                if folded(other) != folded(name) and not policy.allows(name, other)
            ]
            if others:
                yield _finding(
                    NAME_CONFUSABLE, level, name, path, f"{shown(name)} looks like {_some(others)}"
                )


def _some(others: Sequence[str]) -> str:
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return ", ".join(others[:3]) + more


def _finding(rule: Rule, level: str, name: str, path: str, message: str) -> Finding:
    return Finding(rule.id, level, shown(name), shown(path, 500), 0, message, rule.mend)
