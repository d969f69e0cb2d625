"""collections.toml and advisories.toml at one commit, checked against the names that are there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from registry_builder.core.config import (
    AdvisoriesFile,
    Advisory,
    CollectionsFile,
    CollectionTable,
    read,
)
from registry_builder.core.finding import Finding
from registry_builder.emit.base import Collection

COLLECTIONS, ADVISORIES = "collections.toml", "advisories.toml"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """What maintainers decide beside the folders."""

    collections: Mapping[str, CollectionTable] = field(default_factory=dict)
    advisories: AdvisoriesFile = field(default_factory=AdvisoriesFile)

    def about(self, name: str) -> tuple[Advisory, ...]:
        """The advisories that speak of `name`."""
        return tuple(item for item in self.advisories.advisory if item.skill == name)


def read_own_files(collections: bytes | None, advisories: bytes | None) -> OwnFiles:
    """Both files. Raises Unfit for what is not in their form."""
    return OwnFiles(
        read(collections, CollectionsFile, COLLECTIONS), read(advisories, AdvisoriesFile, ADVISORIES)
    )


def check_own_files(own: OwnFiles, names: Names[str], gone: Names[str]) -> tuple[Finding, ...]:
    """What does not fit `names` (there at this commit) or `gone` (in the ledger, deleted since)."""
    return (*_check_collections(own, names), *_check_advisories(own, {*names, *gone}))


def _check_collections(own: OwnFiles, names: Names[str]) -> Iterable[Finding]:
    for name, table in own.collections.items():
        if not _NAME.fullmatch(name) or len(name) > 64:
            yield _finding(
                "bad-collection-name", name, f"{name!r} is no name", "use a-z, 0-9, single hyphens"
            )
        if name in names:
            yield _finding("name-collision", name, f"{name} is also the name of an asset", "rename one")
        for member in table.skills:
            if member not in names:
                yield _finding(
                    "unknown-member", name, f"{name} names {member}, which is not there", _near(member, names)
                )


def _check_advisories(own: OwnFiles, names: Names[str]) -> Iterable[Finding]:
    known = {*names, *own.collections}
    for item in own.advisories.advisory:
        if item.skill not in known:
            yield _finding(
                "unknown-advised", item.skill, f"no skill {item.skill}", _near(item.skill, known), ADVISORIES
            )
        if item.state != "deprecated" and not (item.reason or "").strip():
            message = f"{item.skill} is {item.state} without a reason"
            yield _finding("no-reason", item.skill, message, "say why under reason", ADVISORIES)
        if item.replacement and item.replacement not in known:
            message = f"{item.skill} is replaced by {item.replacement}, which is not there"
            yield _finding(
                "unknown-replacement", item.skill, message, _near(item.replacement, known), ADVISORIES
            )


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else "remove it"


def _finding(rule: str, name: str, message: str, mend: str, path: str = COLLECTIONS) -> Finding:
    return Finding(rule, "error", name, path, 0, message, mend)


def declared(own: OwnFiles) -> tuple[Collection, ...]:
    """Every collection that can be emitted, by name, with all the members it names."""
    members = {member for table in own.collections.values() for member in table.skills}
    return collections_of(own, members, ())


def collections_of(own: OwnFiles, served: Names[str], taken: Names[str]) -> tuple[Collection, ...]:
    """The collections that can be emitted, by name, with those members that are served."""
    return tuple(
        Collection(
            name=name,
            title=table.title or name,
            description=table.description or f"The collection {table.title or name}",
            members=tuple(sorted({member for member in table.skills if member in served})),
        )
        for name, table in sorted(own.collections.items())
        if _NAME.fullmatch(name) and len(name) <= 64 and name not in taken
    )
