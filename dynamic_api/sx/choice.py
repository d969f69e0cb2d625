"""Which version of each name goes into a lock.

In rounds: every name takes its newest version that all requirements so far allow, and the requirements of the
versions taken are added, in the order of names; until a round adds none. Requirements are never taken back,
so versions only go down and the rounds end. One that would leave a name without any version is refused, and
its dependency is later left out of the lock. So a lock is always found, in a time that grows with its size;
what it gives up is that a requirement of a version given up since may hold another lower than need be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dynamic_api.sx.dependency import Dependency, read_dependency
from dynamic_api.sx.values import Asset, Candidate, Catalogue
from registry_builder.core.ledger import SERVED


class Choice:
    """The versions chosen, while requirements come in."""

    def __init__(self, catalogue: Catalogue, installed: Mapping[str, Asset]) -> None:
        self.assets: dict[str, Asset] = dict(installed)
        self.taken: dict[str, Candidate] = {}
        self._catalogue = catalogue
        self._installed = installed
        self._needs: dict[str, list[Dependency]] = {}
        self._refused: set[Dependency] = set()

    def settle(self) -> None:
        """Take versions until no requirement is new. A name without any version drops out."""
        ranked, needs = self._catalogue.ranked, self._needs
        fresh = set(self.assets)
        seen: set[tuple[str, str]] = set()
        while fresh:
            for name in fresh:
                best = newest(ranked(self.assets[name]), needs.get(name, ()))
                if best is None:
                    del self.assets[name]
                else:
                    self.taken[name] = best
            fresh = self._required(fresh & self.taken.keys(), seen)

    def _required(self, names: Iterable[str], seen: set[tuple[str, str]]) -> set[str]:
        """Add what the versions taken for `names` need; the names that have to be looked at again."""
        changed: set[str] = set()
        for name in sorted(name for name in names if self.taken[name][1].dependencies):
            version = self.taken[name][1]
            if (name, version.label) in seen:
                continue
            seen.add((name, version.label))
            for text in version.dependencies:
                needed = read_dependency(text)
                if needed and needed.name != name and self._add(needed):
                    changed.add(needed.name)
        return changed

    def _add(self, needed: Dependency) -> bool:
        """Whether `needed` is new, and met by some version together with all that came before it."""
        before = self._needs.get(needed.name, [])
        if needed in before or needed in self._refused:
            return False
        needs = [*before, needed]
        asset = next(
            (asset for asset in self._holders(needed.name) if newest(self._catalogue.ranked(asset), needs)),
            None,
        )
        if asset is None:
            self._refused.add(needed)
            return False
        self._needs[needed.name] = needs
        self.assets[needed.name] = asset
        return True

    def _holders(self, name: str) -> Iterable[Asset]:
        """The asset that holds `name` already, or else those that may: a row is never moved to another id."""
        held = self._installed.get(name) or self.assets.get(name)
        return (held,) if held else self._catalogue.by_name.get(name, ())


def newest(ranked: Sequence[Candidate], needs: Sequence[Dependency]) -> Candidate | None:
    """The first of `ranked` to be had under `needs`, None when none will do.

    A yanked version is to be had only when a requirement names exactly it; as it comes last in the order,
    only when no other will do.
    """
    if not needs:
        return ranked[0] if ranked and ranked[0][1].state in SERVED else None
    for candidate in ranked:
        reading, version = candidate
        if all(needed.admits(reading) for needed in needs) and (
            version.state in SERVED or any(needed.pins(reading) for needed in needs)
        ):
            return candidate
    return None
