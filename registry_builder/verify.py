"""Proves a bucket from the outside: against its own digest tree, its references, and the Git repository."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from registry_builder.core.artifact import pack
from registry_builder.core.errors import Missing, Refusal
from registry_builder.core.key import digest, download_key, node_key
from registry_builder.core.ledger import QUARANTINED, Document, Row, encode
from registry_builder.core.tree import Pin, Pointer
from registry_builder.emit.table import EMITTERS, object_keys
from registry_builder.press import BUNDLE
from registry_builder.previous import Previous, View
from registry_builder.references import Reference, references
from registry_builder.rollback import records
from registry_builder.source import Listing, Source
from registry_builder.store.base import Reader

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not hold: `kind` is stable, `key` the exact place."""

    kind: str
    key: str
    message: str


@dataclass(slots=True)
class Report:
    """What was looked at and what was found; `notes` and `unprovable` fail nothing by themselves."""

    checked: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    unprovable: list[Fault] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)

    def fault(self, kind: str, key: str, message: str) -> None:
        """Add a failure."""
        self.faults.append(Fault(kind, key, message))


@dataclass(slots=True)
class Verifier:
    """One look at one bucket. With `sample`, only so many of its keys, the same ones for the same root."""

    reader: Reader
    base_url: str
    sample: int | None = None
    parallel: int = 1
    tick: Callable[[str], None] = lambda _: None
    report: Report = field(default_factory=Report)
    _withheld: frozenset[str] = frozenset()

    def run(self) -> Report:
        """Bytes against the tree, then references. Raises Missing when there is no release at all."""
        previous = Previous(self.reader)
        pointer = previous.pointer
        if pointer is None or pointer.readable_root is None:
            raise Missing("no-release", "holds no complete release", mend="skillpress publish --to STORE")
        if not pointer.complete:
            message = f"generation {pointer.generation} is being published by {pointer.owner}"
            self.report.notes.append(Fault("open", "release.json", message))
        pins = self._tree(previous.view, pointer)
        self._withheld = frozenset(self._revoked_keys(previous))
        for key, item, body in self._bodies(self._chosen(pins, pointer)):
            self._one(key, item, body, pins)
        return self.report

    def _tree(self, view: View, pointer: Pointer) -> dict[str, Pin]:
        """Every pin; nodes that are missing or have other bytes are faults of their own."""
        pins: dict[str, Pin] = {}
        try:
            pins = view.every_pin()
            for name in view.noted:
                self._document(view, name, pins)
            if view.history:
                pins |= dict(view.history.keys)
        except Refusal as error:
            self.report.fault(error.code, error.place, error.message)
        self._records(pointer)
        return pins

    def _records(self, pointer: Pointer) -> None:
        last = None
        for record in records(self.reader, pointer.record):
            self.report.checked["records"] += 1
            last = record
        if pointer.complete and last is None:
            self.report.fault("no-record", node_key(pointer.record or ""), "the newest record is missing")

    def _document(self, view: View, name: str, pins: Mapping[str, Pin]) -> None:
        document = view.document(name)
        if document is None:
            self.report.fault("no-document", f"api/v1/index/{name}.json", "the name has no document")
            return
        self.report.checked["versions"] += len(document.versions)
        self._against_pins(document, pins)
        mirror = pins.get(f"api/v1/index/{name}.json")
        if mirror and mirror.sha256 != digest(encode(document)):
            self.report.fault("other-document", f"api/v1/index/{name}.json", "differs from the ledger's node")

    def _against_pins(self, document: Document, pins: Mapping[str, Pin]) -> None:
        for row in document.versions:
            key = download_key(document.name, row.sha256)
            if row.state != QUARANTINED and pins.get(key) != Pin(row.sha256, row.size):
                self.report.fault("unpinned-version", key, f"{document.name}@{row.version} is not pinned")

    def _revoked_keys(self, previous: Previous) -> Iterator[str]:
        for item in previous.revoked.revoked:
            for entry in item.rows:
                name, _, version = entry.partition("@")
                document = previous.view.document(name)
                for row in document.versions if document else ():
                    if str(row.version) == version:
                        yield from object_keys(tuple(EMITTERS), name, row)

    def _chosen(self, pins: Mapping[str, Pin], pointer: Pointer) -> list[tuple[str, Pin]]:
        everything = sorted(pins.items())
        if self.sample is None or self.sample >= len(everything):
            return everything
        return sorted(random.Random(pointer.root).sample(everything, self.sample))  # noqa: S311 - not a secret

    def _bodies(self, chosen: list[tuple[str, Pin]]) -> Iterator[tuple[str, Pin, bytes | Refusal]]:
        rest = iter(chosen)
        with ThreadPoolExecutor(self.parallel) as pool:
            while batch := list(islice(rest, _BATCH)):
                yield from zip(
                    (key for key, _ in batch),
                    (item for _, item in batch),
                    pool.map(self._get, (key for key, _ in batch)),
                    strict=True,
                )

    def _get(self, key: str) -> bytes | Refusal:
        try:
            return self.reader.get(key)
        except Refusal as error:
            return error

    def _one(self, key: str, item: Pin, body: bytes | Refusal, pins: Mapping[str, Pin]) -> None:
        self.tick("checked")
        self.report.checked["keys"] += 1
        if isinstance(body, Refusal):
            if key in self._withheld:
                self.report.withheld.append(key)
            else:
                kind = "missing" if isinstance(body, Missing) else body.code
                self.report.fault(kind, key, body.message)
            return
        if digest(body) != item.sha256:
            self.report.fault(
                "other-bytes", key, f"has sha256 {digest(body)[:16]}…, pinned {item.sha256[:16]}…"
            )
            return
        self._references(key, body, pins)

    def _references(self, key: str, body: bytes, pins: Mapping[str, Pin]) -> None:
        try:
            for reference in references(key, body, self.base_url):
                self.report.checked["references"] += 1
                self._reference(key, reference, pins)
        except (ValueError, KeyError, TypeError) as error:
            self.report.fault("unreadable", key, f"not in its format: {error}")

    def _reference(self, key: str, reference: Reference, pins: Mapping[str, Pin]) -> None:
        item = pins.get(reference.key)
        if item is None:
            self.report.fault("dangling", key, f"names {reference.key}, which the tree does not pin")
        elif reference.sha256 not in {None, item.sha256} or reference.size not in {None, item.size}:
            self.report.fault("wrong-digest", key, f"promises other bytes of {reference.key}")
        elif reference.sha512:
            body = self._get(reference.key)
            if isinstance(body, bytes) and hashlib.sha512(body).hexdigest() != reference.sha512:
                self.report.fault("wrong-digest", key, f"promises other bytes of {reference.key}")


def unpinned(reader: Reader) -> Iterator[str]:
    """The keys that the tree of the newest release does not reach: left-overs, or somebody else's."""
    previous = Previous(reader)
    known = {"release.json", "revoked.json"}
    for view in previous.views:
        known |= set(view.every_pin()) | set(view.history.keys if view.history else ())
    for item in reader.list():
        if item.key not in known and not item.key.startswith(("r/", "tuf/")):
            yield item.key


def against_git(view: View, source: Source, report: Report, tick: Callable[[str], None]) -> None:
    """Each row's commit, tree and digest against the repository; what Git no longer has is unprovable."""
    for name in view.noted:
        document = view.document(name)
        if document is None or document.type == BUNDLE:
            continue
        for row in document.versions:
            tick("rebuilt")
            report.checked["rows"] += 1
            _row_against_git(document, row, source, report)


def _row_against_git(document: Document, row: Row, source: Source, report: Report) -> None:
    place = f"api/v1/index/{document.name}.json"
    what = f"{document.name}@{row.version}"
    try:
        found = source.tree_at(row.commit, row.path)
        folder = source.folder(Listing(document.name, document.type, row.path, row.tree))
    except Missing:
        report.unprovable.append(
            Fault("unprovable", place, f"{what}: Git no longer has commit {row.commit[:12]}")
        )
        return
    if found != row.tree:
        report.fault("other-tree", place, f"{what}: commit {row.commit[:12]} has another tree at {row.path}")
    elif digest(pack(folder.files)) != row.sha256:
        report.fault("other-artifact", place, f"{what}: Git's files give another sha256")


def faults_of(reports: Iterable[Fault]) -> list[dict[str, str]]:
    """Faults as `--json` prints them."""
    return [{"kind": item.kind, "key": item.key, "message": item.message} for item in reports]
