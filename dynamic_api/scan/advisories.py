"""Known bad packages: a small list of our own, and any folder of OSV records that the operator supplies.

Source of the format: the OSV schema 1.6, fields `affected[].package`, `ranges[].events` and `versions`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec
from msgspec import Struct

from dynamic_api.scan.versions import version_key
from registry_builder.core.errors import Misuse

ECOSYSTEMS = ("PyPI", "npm")
RECORD_BYTES = 4 * 1024 * 1024
_SEPARATORS = re.compile(r"[-_.]+")


class Event(Struct, frozen=True):
    """A step of a range: exactly one of the three is set."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class Range(Struct, frozen=True):
    type: str = "ECOSYSTEM"
    events: tuple[Event, ...] = ()


class Package(Struct, frozen=True):
    ecosystem: str = ""
    name: str = ""


class Affected(Struct, frozen=True):
    package: Package = Package()
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()


class Record(Struct, frozen=True):
    """One OSV record, as much of it as is read."""

    id: str
    summary: str = ""
    details: str = ""
    aliases: tuple[str, ...] = ()
    withdrawn: str | None = None
    affected: tuple[Affected, ...] = ()


class Advisory(Struct, frozen=True):
    """What is known about some versions of one package. A `malicious` one is an attack, not a mistake."""

    id: str
    summary: str
    malicious: bool
    fixed: tuple[str, ...]
    affected: Affected

    def covers(self, version: str | None) -> bool:
        """Whether `version` is affected; for None, whether every version is."""
        if version is None:
            return (
                any([event.introduced for event in row.events] == ["0"] for row in self.affected.ranges)
                and not self.affected.versions
            )
        if version in self.affected.versions:
            return True
        return any(_within(version, row) for row in self.affected.ranges if row.type != "GIT")


class Advisories:
    """Advisories by ecosystem and name."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._known: Mapping[tuple[str, str], list[Advisory]] = defaultdict(list)
        for record in records:
            if record.withdrawn is None:
                self._add(record)

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def find(self, ecosystem: str, name: str, version: str | None) -> list[Advisory]:
        """What is known of `version`; with None, what holds for every version. By id."""
        rows = self._known.get((ecosystem, normal_name(ecosystem, name)), ())
        return sorted((row for row in rows if row.covers(version)), key=lambda row: row.id)

    def _add(self, record: Record) -> None:
        malicious = record.id.startswith("MAL-") or any(alias.startswith("MAL-") for alias in record.aliases)
        summary = record.summary or record.details.partition("\n")[0]
        named = ", ".join([record.id, *sorted(record.aliases)][:3])
        for affected in record.affected:
            ecosystem = affected.package.ecosystem
            if ecosystem in ECOSYSTEMS:
                fixed = tuple(event.fixed for row in affected.ranges for event in row.events if event.fixed)
                key = (ecosystem, normal_name(ecosystem, affected.package.name))
                self._known[key].append(Advisory(named, summary, malicious, fixed, affected))


def normal_name(ecosystem: str, name: str) -> str:
    """`name` as its index compares it. Source: PEP 503, "Normalized Names"."""
    return _SEPARATORS.sub("-", name).lower() if ecosystem == "PyPI" else name


def load_osv(folder: Path) -> Advisories:
    """Our own list, and each `*.json` below `folder` as an OSV record. Raises Misuse for what is none."""
    if not folder.is_dir():
        mend = "name the folder into which the OSV database was unpacked (uploads.osv_folder)"
        raise Misuse("bad-osv", "no such folder", place=str(folder), mend=mend)
    records = list(_built_in_records())
    for path in sorted(folder.rglob("*.json")):
        try:
            if path.stat().st_size > RECORD_BYTES:
                raise Misuse("bad-osv", "the record is too large", place=str(path))
            records.append(msgspec.json.decode(path.read_bytes(), type=Record))
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            mend = "unpack PyPI/all.zip or npm/all.zip of the OSV database there"
            raise Misuse("bad-osv", f"no OSV record: {error}", place=str(path), mend=mend) from error
    return Advisories(records)


@cache
def built_in() -> Advisories:
    """Our own list: packages that were attacks, and a few common weaknesses. It is no database."""
    return Advisories(_built_in_records())


def _built_in_records() -> tuple[Record, ...]:
    data = resources.files("dynamic_api.scan").joinpath("advisories.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[Record, ...])


def _within(version: str, row: Range) -> bool:
    """Whether the last event at or before `version` opened the range. Events may stand in any order."""
    key = version_key(version)
    if key is None:
        return False
    inside = False
    steps = [(version_key(at), kind) for event in row.events for at, kind in _steps(event)]
    for at, kind in sorted((at, kind) for at, kind in steps if at is not None):
        if kind == 1:
            inside = inside or key >= at
        elif (kind == 0 and key >= at) or (kind == 2 and key > at):
            inside = False
    return inside


def _steps(event: Event) -> list[tuple[str, int]]:
    """At one version a fix closes first, then an introduction opens, then the last affected closes."""
    found = ((event.fixed, 0), (event.introduced, 1), (event.last_affected, 2))
    return [(at, kind) for at, kind in found if at is not None]
