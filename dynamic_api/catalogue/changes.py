"""What a release changes for the local file: found bin by bin, so that its cost follows what changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dynamic_api.catalogue.bucket import read_bin
from dynamic_api.catalogue.entry import Wanted, answer_key
from registry_builder.core.tree import Bin
from registry_builder.store.base import Reader


@dataclass(frozen=True, slots=True)
class Changes:
    """Names to read, names to drop, and the bins as they are now. `retried` are among `wanted`."""

    wanted: tuple[Wanted, ...]
    gone: tuple[str, ...]
    bins: Mapping[str, str | None]
    retried: frozenset[str]


def find_changes(connection: sqlite3.Connection, reader: Reader, bins: Mapping[str, str]) -> Changes:
    """What differs between the local file and `bins` (label → digest). Raises Trouble."""
    known = dict(connection.execute("SELECT label, sha256 FROM bin"))
    changed = {
        label: bins.get(label) for label in sorted({*known, *bins}) if known.get(label) != bins.get(label)
    }
    wanted: dict[str, Wanted] = {}
    gone: list[str] = []
    for label, sha256 in changed.items():
        node = read_bin(reader, label, sha256) if sha256 else Bin(names={})
        rows = {item.name: item for item in _rows(connection, "bin = ?", label)}
        gone += sorted(rows.keys() - node.names.keys())
        wanted.update((item.name, item) for item in _differing(label, node, rows))
    kept = [item for item in _rows(connection, "settled = 0") if item.bin not in changed]
    wanted.update((item.name, item) for item in kept)
    ordered = tuple(wanted[name] for name in sorted(wanted))
    return Changes(ordered, tuple(gone), changed, frozenset(item.name for item in kept))


def _differing(label: str, node: Bin, rows: Mapping[str, Wanted]) -> Iterator[Wanted]:
    for name, pins in node.names.items():
        answer = pins.keys.get(answer_key(name))
        pinned = answer.sha256 if answer else ""
        row = rows.get(name)
        if row is None or (row.document, row.pinned) != (pins.document, pinned) or not row.settled:
            yield Wanted(name, label, pins.document, pinned, row.indexed if row else "")


def _rows(connection: sqlite3.Connection, where: str, *values: str) -> Iterator[Wanted]:
    columns = "slug, bin, document, pinned, indexed, settled"
    query = f"SELECT {columns} FROM skill WHERE {where} ORDER BY slug"  # noqa: S608 - our own words
    for name, label, document, pinned, indexed, settled in connection.execute(query, values):
        yield Wanted(name, label, document, pinned, indexed, bool(settled))
