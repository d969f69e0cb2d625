"""Loose semantic versions, and which one is next. Source: contracts/sx.md sections 3 and 6."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.sx_bundle import SEMVER

from sx_client.errors import BadAnswer

Order = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def order(version: str) -> Order:
    """A key that sorts as semver does: numbers, then a release after its pre-releases."""
    if not SEMVER.fullmatch(version):
        raise BadAnswer(f"{version!r} is no version")
    core, _, before = version.removeprefix("v").partition("+")[0].partition("-")
    numbers = [int(part) for part in core.split(".")]
    parts = [] if not before else before.split(".")
    ranked = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
    return (*numbers, 0, 0)[:3], not before, ranked


def sort(versions: Iterable[str]) -> list[str]:
    """Oldest first, whatever the order was. Raises BadAnswer for what is no version."""
    return sorted(versions, key=order)


def following(version: str) -> str:
    """The next major version in the same form: `1` → `2`, `1.0` → `2.0`, `v1.2.3` → `v2.0.0`."""
    v = "v" if version.startswith("v") else ""
    parts = version.removeprefix("v").partition("+")[0].partition("-")[0].split(".")
    return v + ".".join([str(int(parts[0]) + 1), *["0"] * (len(parts) - 1)])
