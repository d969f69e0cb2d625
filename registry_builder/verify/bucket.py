"""Proves a bucket from the outside against its own digest tree: bytes, documents, references."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from registry_builder.core.errors import Missing, Refusal, Unfit
from registry_builder.core.key import digest, node_key
from registry_builder.core.ledger import QUARANTINED, REMOVED, Document
from registry_builder.core.tree import Bin, NamePins, Pin, Pointer, write_rank
from registry_builder.press import BUNDLE
from registry_builder.previous import POINTER_KEY, Noted, read_pointer
from registry_builder.store.base import Reader
from registry_builder.verify.ahead import Wanted, read_ahead
from registry_builder.verify.documents import check_document, quarantined_keys
from registry_builder.verify.git_repo import Repository, repositories
from registry_builder.verify.nodes import Nodes
from registry_builder.verify.references import MALFORMED, Reference, offered, references
from registry_builder.verify.report import Fault, Report
from registry_builder.verify.survey import Survey
from registry_builder.verify.table import Table

_ASKED = 9
_UNPINNED = re.compile(r"release\.json|revoked\.json|tuf/.+|r/[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Item:
    """Something to read: a key and its pin, or the document of a name, which has none."""

    key: str
    pin: Pin | None
    name: str = ""
    pins: NamePins | None = None
    noted: Noted | None = None


@dataclass(slots=True, kw_only=True)
class Verifier:
    """One look at one bucket. With `sample`, only so many of its keys, the same ones for the same root."""

    reader: Reader
    base_url: str | None = None
    sample: int | None = None
    parallel: int = 1
    tick: Callable[[str], None] = lambda _: None
    report: Report = field(default_factory=Report)
    pointer: Pointer = field(init=False)
    git_trees: dict[str, str] = field(default_factory=dict)
    _nodes: Nodes = field(init=False)
    _table: Table = field(default_factory=Table)
    _chosen: frozenset[str] | None = None
    _withheld: frozenset[str] = frozenset()
    _next: Mapping[str, Collection[str]] = field(default_factory=dict)
    _tarballs: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    _offered: set[str] = field(default_factory=set)
    _found: Counter[str] = field(default_factory=Counter)
    _late: list[tuple[str, Reference]] = field(default_factory=list)

    def run(self) -> Report:
        """Look at everything. Raises Missing when there is no release at all, Foreign for another's."""
        pointer = read_pointer(self.reader)
        if pointer is None or pointer.readable_root is None:
            raise Missing("no-release", "holds no complete release", mend="skillpress publish --to STORE")
        self.pointer = pointer
        if not pointer.complete:
            message = (
                f"{pointer.owner} is publishing generation {pointer.generation}; the one before is looked at"
            )
            self.report.note("open", "release.json", message)
        self._nodes = Nodes(self.reader, self.report, pointer)
        self._nodes.check_records()
        survey = Survey(self._nodes, self.report)
        self._table, self._chosen = survey.pins(self.sample)
        self.base_url = self.base_url or survey.base_url()
        self._withheld = survey.withheld()
        self._next = survey.unfinished()
        for item, body in read_ahead(self.reader, self._wanted(), self.parallel):
            if item.pin is None:
                self._document(item, body)
            else:
                self._key(item.key, item.pin, body)
        for key, reference in self._late:
            if self._chosen is None and f"{reference.key}@{reference.offers}" not in self._offered:
                self.report.fault(
                    "dangling", key, f"names {reference.offers} of {reference.key}, which offers it not"
                )
        if self._chosen is None:
            if pointer.complete:
                self._repositories()
            self._counts()
        return self.report

    def _wanted(self) -> Iterator[Wanted[_Item]]:
        for label, node in self._nodes.bins():
            self._nodes.check_places(label, node)
            summaries = self._nodes.summaries(label)
            if self._chosen is None and (extra := set(summaries) - set(node.names)):
                message = f"speaks of {min(extra)}, which the bin has not"
                self.report.fault("other-summary", self._nodes.summary_key(label), message)
            yield from self._names(node, summaries)
        for found in (self._nodes.span(), self._nodes.history()):
            if found:
                yield from self._keys(dict(found.keys))

    def _names(self, node: Bin, summaries: dict[str, Noted]) -> Iterator[Wanted[_Item]]:
        for name, pins in node.names.items():
            keys = list(self._keys(dict(pins.keys)))
            if keys or self._chosen is None:
                key = node_key(pins.document)
                yield _Item(key, None, name, pins, summaries.get(name)), key, 0
                yield from keys

    def _keys(self, pins: dict[str, Pin]) -> Iterator[Wanted[_Item]]:
        """What is named before what names it, so that its digests are known by then."""
        for key in sorted(pins, key=lambda key: (write_rank(key), key)):
            if self._chosen is None or key in self._chosen:
                yield _Item(key, pins[key]), key, pins[key].size

    def _document(self, item: _Item, body: bytes | Refusal) -> None:
        pins = item.pins
        if isinstance(body, Refusal) or pins is None:
            self._absent(item.key, body if isinstance(body, Refusal) else Missing("no-node", "is gone"))
            return
        document = self._nodes.document(pins.document, body)
        if document is None:
            return
        self.tick("names")
        self.report.checked["names"] += 1
        self.report.checked["versions"] += len(document.versions)
        if document.type != BUNDLE:
            self._found["skills"] += document.state != REMOVED
            self._found["versions"] += document.versions[-1].version if document.versions else 0
        try:
            summary = item.noted.summary if item.noted else None
            check_document(item.name, document, pins, summary, self.report)
            self._gone(document)
        except (AssertionError, IndexError) as error:
            self.report.fault("bad-ledger", f"api/v1/index/{item.name}.json", str(error))

    def _gone(self, document: Document) -> None:
        if not any(row.state == QUARANTINED for row in document.versions):
            return
        for key, row in quarantined_keys(document):
            try:
                self.reader.get(key)
            except Refusal:
                continue
            message = f"{document.name}@{row.version} is quarantined, and its bytes are there"
            self.report.fault("not-withheld", key, message)

    def _absent(self, key: str, error: Refusal) -> None:
        if not isinstance(error, Missing):
            self.report.unread.append(Fault(error.code, key, error.message))
        elif key in self._withheld:
            self.report.withheld.append(key)
        else:
            self.report.fault("missing", key, "is pinned, and it is not there")

    def _key(self, key: str, item: Pin, body: bytes | Refusal) -> None:
        self.tick("keys")
        self.report.checked["keys"] += 1
        if isinstance(body, Refusal):
            self._absent(key, body)
            return
        self.report.checked["bytes"] += len(body)
        if key in self._withheld:
            self.report.fault("not-withheld", key, "is revoked, and its bytes are there")
        found = digest(body)
        if found != item.sha256 and found in self._next.get(key, ()):
            self.report.checked["ahead"] += 1
            return
        if found != item.sha256:
            message = (
                f"holds {len(body):,} bytes of sha256 {found[:16]}…, not {item.size:,} of {item.sha256[:16]}…"
            )
            self.report.fault("other-bytes", key, message)
            return
        if key.startswith("t/"):
            self._tarballs[key] = _hashes(body)
        try:
            if key.startswith("npm/"):
                self._offered.update(offered(key, body))
            for reference in references(key, body, self.base_url or "no://base-url.is.known"):
                self.report.checked["references"] += 1
                self._reference(key, reference)
        except (*MALFORMED, Unfit) as error:
            self.report.fault("malformed", key, f"not as its format wants: {error}")

    def _reference(self, key: str, reference: Reference) -> None:
        item = self._table.find(reference.key)
        if reference.key == POINTER_KEY:
            return  # it was the first thing that was read
        if item is None:
            self.report.fault("dangling", key, f"names {reference.key}, which the tree does not pin")
        elif reference.sha256 not in {None, item.sha256} or reference.size not in {None, item.size}:
            self.report.fault("wrong-digest", key, f"promises other bytes of {reference.key}")
        elif reference.sha512 or reference.sha1:
            self._hashed(key, reference)
        if reference.offers:
            self._late.append((key, reference))

    def _hashed(self, key: str, reference: Reference) -> None:
        if reference.key not in self._tarballs:
            if self._chosen is None:
                return
            try:
                self._tarballs[reference.key] = _hashes(self.reader.get(reference.key))
            except Refusal as error:
                self._absent(reference.key, error)
                return
        sha512, sha1 = (value.hex() for value in self._tarballs[reference.key])
        if reference.sha512 not in {None, sha512} or reference.sha1 not in {None, sha1}:
            self.report.fault("wrong-digest", key, f"promises other bytes of {reference.key}")

    def _repositories(self) -> None:
        history = self._nodes.history()
        for folder, keys in repositories(history.keys if history else ()).items():
            repository = Repository(folder, keys, self._quietly, partial(self.report.fault, "bad-git"))
            repository.check()
            self.git_trees[folder] = repository.tree
            self.report.checked["git objects"] += repository.objects

    def _quietly(self, key: str) -> bytes | None:
        try:
            return self.reader.get(key)
        except Refusal:
            return None  # it was named when its bytes were looked at

    def _counts(self) -> None:
        found = self._found["skills"], self._found["versions"]
        stated = self.pointer.skills, self.pointer.versions
        if self.pointer.complete and not self.report.faults and found != stated:
            message = (
                f"says {stated[0]} skills and {stated[1]} versions, and there are {found[0]} and {found[1]}"
            )
            self.report.fault("wrong-count", "release.json", message)

    def forget(self) -> None:
        """Give the memory of the pins back; what comes after needs only the nodes."""
        self._table, self._tarballs = Table(), {}
        self._offered.clear()
        self._late.clear()

    def documents(self) -> Iterator[Document]:
        """Every ledger document that can be read."""
        for _, node in self._nodes.bins():
            for pins in node.names.values():
                if document := self._nodes.node(pins.document, Document):
                    yield document

    def unpinned(self) -> Iterator[str]:
        """The keys that the tree does not reach: left over from before, or somebody else's."""
        for item in self.reader.list():
            if not _is_ours(item.key) and self._table.find(item.key) is None and item.key not in self._next:
                yield item.key


def _hashes(body: bytes) -> tuple[bytes, bytes]:
    return hashlib.sha512(body).digest(), hashlib.sha1(body, usedforsecurity=False).digest()


def _is_ours(key: str) -> bool:
    """Whether `key` is one that the tree never pins: a pointer, its signatures, a node."""
    return _UNPINNED.fullmatch(key) is not None
