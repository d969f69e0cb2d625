"""The release that a bucket holds now, read node by node through its digest tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec import Struct

from registry_builder.core.errors import Foreign, Missing
from registry_builder.core.key import KeyClass, classify, digest, node_key
from registry_builder.core.ledger import Document, decode_document
from registry_builder.core.revoked import REVOKED_KEY, Revoked, decode_revoked
from registry_builder.core.tree import (
    Bin,
    HistoryNode,
    NamePins,
    Pin,
    Pins,
    Pointer,
    Record,
    Root,
    SpanNode,
    all_pins,
    bin_of,
    decode_pointer,
)
from registry_builder.emit.base import Summary
from registry_builder.store.base import Reader

POINTER_KEY = "release.json"
_DOCUMENTS = 256
T = TypeVar("T")


class Noted(Struct, frozen=True, array_like=True):
    """A summary, and the memo of what its keys were made from."""

    memo: str
    summary: Summary


class SummaryNode(Struct, frozen=True, kw_only=True):
    """The summaries of the names in a quarter of the bins."""

    schema: int = 1
    names: Mapping[str, Noted]


class View:
    """One root of a bucket and what hangs from it; nodes are read when asked for, each checked by digest.

    What was read is kept without `cached_property`: until Python 3.12 that holds one lock for all views, so
    that a reader whose store does not answer would stop every other reader in the process.
    """

    def __init__(self, reader: Reader, root: str | None) -> None:
        self.reader = reader
        self._bins: dict[str, Bin] = {}
        self._documents: dict[str, Document] = {}
        self._noted: dict[str, Noted] | None = None
        self._span: SpanNode | None = None
        self._history: HistoryNode | None = None
        self.root_sha256 = root
        self.root = self._node(root, Root) if root else Root()

    def _node(self, sha256: str, form: type[T]) -> T:
        try:
            return msgspec.json.decode(self._body(sha256), type=form)
        except msgspec.MsgspecError as error:
            raise Foreign("bad-node", f"not a node: {error}", place=node_key(sha256)) from error

    @property
    def noted(self) -> dict[str, Noted]:
        """Name → summary and memo, of every name."""
        if self._noted is None:
            found: dict[str, Noted] = {}
            for sha256 in self.root.summaries.values():
                found.update(self._node(sha256, SummaryNode).names)
            self._noted = dict(sorted(found.items()))
        return self._noted

    @property
    def span(self) -> SpanNode | None:
        """The keys that span names."""
        if self._span is None and self.root.span:
            self._span = self._node(self.root.span, SpanNode)
        return self._span

    @property
    def history(self) -> HistoryNode | None:
        """The keys that build on earlier releases."""
        if self._history is None and isinstance(self.root.history, str):
            self._history = self._node(self.root.history, HistoryNode)
        return self._history

    def bin(self, label: str) -> Bin:
        """The bin called `label`, empty when there is none."""
        if label not in self._bins:
            sha256 = self.root.bins.get(label)
            self._bins[label] = self._node(sha256, Bin) if sha256 else Bin(names={})
        return self._bins[label]

    def pins(self, name: str) -> NamePins | None:
        """What the release pins for `name`."""
        return self.bin(bin_of(name)).names.get(name)

    def document(self, name: str) -> Document | None:
        """The ledger document of `name`."""
        pins = self.pins(name)
        if pins is None:
            return None
        if pins.document not in self._documents:
            if len(self._documents) == _DOCUMENTS:
                self._documents.clear()
            self._documents[pins.document] = decode_document(self._body(pins.document))
        return self._documents[pins.document]

    def every_pin(self) -> dict[str, Pin]:
        """Key → pin of the whole release but the nodes of its tree."""
        pins = all_pins((self.bin(label) for label in self.root.bins), self.span)
        return pins | dict(self.history.keys) if self.history else pins

    def nodes(self) -> Iterator[str]:
        """The digest of every node of this tree, the root's included."""
        if self.root_sha256:
            yield self.root_sha256
        yield from self.root.summaries.values()
        for label, sha256 in self.root.bins.items():
            yield sha256
            yield from (pins.document for pins in self.bin(label).names.values())
        yield from (node for node in (self.root.span, self.root.history) if isinstance(node, str))

    def changed_since(self, older: View) -> Iterator[str]:
        """The names whose pins differ from those in `older`."""
        for label in sorted({*self.root.bins, *older.root.bins}):
            if self.root.bins.get(label) != older.root.bins.get(label):
                mine, theirs = self.bin(label).names, older.bin(label).names
                yield from sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))

    def record(self, sha256: str) -> Record:
        """The record node `sha256`. Raises Missing, Foreign."""
        return self._node(sha256, Record)

    def pins_beside(self, seen: set[str]) -> Iterator[Pins]:
        """The pins of each node whose digest is not in `seen`, to which they are added."""
        for sha256 in {*self.root.bins.values()} - seen:
            yield from (item.keys for item in self._node(sha256, Bin).names.values())
        if self.root.span and self.root.span not in seen:
            yield self._node(self.root.span, SpanNode).keys
        seen.update(self.root.bins.values(), (self.root.span or "",))

    def _body(self, sha256: str) -> bytes:
        key, mend = node_key(sha256), "restore it from a back-up, or build into a new folder"
        try:
            body = self.reader.get(key)
        except Missing as error:
            raise Missing("no-node", "the release needs it, and it is gone", place=key, mend=mend) from error
        if digest(body) != sha256:
            raise Foreign("bad-node", "its bytes do not have the digest in its name", place=key, mend=mend)
        return body


def read_pointer(reader: Reader) -> Pointer | None:
    """What release.json says, None when there is none. Raises Foreign when it is not ours."""
    try:
        return decode_pointer(reader.get(POINTER_KEY))
    except Missing:
        return None
    except msgspec.MsgspecError as error:
        raise Foreign(
            "bad-pointer",
            f"not a release of skillpress: {error}",
            place=POINTER_KEY,
            mend="choose another target",
        ) from error


def read_revoked(reader: Reader) -> Revoked:
    """revoked.json, empty when there is none. Raises Foreign."""
    try:
        return decode_revoked(reader.get(REVOKED_KEY))
    except Missing:
        return Revoked()


@dataclass(frozen=True, slots=True)
class Holes:
    """What a look showed to be missing or harmed: of which names, and whether of what spans them.

    `harmed` are keys whose bytes are not those that the metadata beside them speaks of.
    """

    names: frozenset[str] = frozenset()
    across: bool = False
    harmed: frozenset[str] = frozenset()


class Previous:
    """What a bucket holds before a build: its pointer, the view to build on, and what to finish.

    After a publisher died, the pointer is open. If the digest tree that it was writing is whole, its
    versions may have been seen, so the build goes on from there; else nothing but unnamed objects was
    written, and the build goes on from what was there before. `begun` are all such views since the last
    complete release, oldest first: of each, some keys may have been written.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.holes = Holes()
        self.pointer = read_pointer(reader)
        self.revoked = read_revoked(reader)
        self.view = View(reader, self.pointer.readable_root if self.pointer else None)
        self.begun = tuple(self._begun())
        self.base = self.begun[-1] if self.begun else self.view
        self._once: dict[str, set[str]] | None = None

    def once_pinned(self, key: str) -> frozenset[str]:
        """The digests that releases before pinned `key` with, as far back as their nodes are there."""
        if self._once is None:
            self._once = self._ever_pinned()
        return frozenset(self._once.get(key, ()))

    def _ever_pinned(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        seen: set[str] = set()
        record = self.pointer.record if self.pointer else None
        with suppress(Missing, Foreign):
            while record:
                entry = self.view.record(record)
                for pins in View(self.reader, entry.root).pins_beside(seen):
                    for key, item in pins.items():
                        found[key].add(item.sha256)
                record = entry.previous
        return found

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that a mutable key may show."""
        return (self.view, *self.begun)

    def _begun(self) -> Iterator[View]:
        if self.pointer and not self.pointer.complete:
            for root in (*(self.pointer.begun or ()), self.pointer.root):
                if view := self._whole(root):
                    yield view

    def _whole(self, root: str) -> View | None:
        try:
            view = View(self.reader, root)
            for name in view.changed_since(self.view):
                view.document(name)
            _ = view.noted, view.span, view.history
        except (Missing, Foreign):
            return None
        return view

    def history(self) -> HistoryNode | None:
        """The history to go on from: an unfinished one if anybody can have seen it.

        What names its immutable keys is written after them, so it was not seen before they are whole.
        """
        found = self.view.history
        for view in self.begun:
            if view.history and self._whole_objects(view.history, found.keys if found else {}):
                found = view.history
        return found

    def _whole_objects(self, node: HistoryNode, known: Mapping[str, Pin]) -> bool:
        return all(
            self._holds(key, item)
            for key, item in node.keys.items()
            if classify(key) is KeyClass.IMMUTABLE and known.get(key) != item
        )

    def _holds(self, key: str, item: Pin) -> bool:
        try:
            return digest(self.reader.get(key)) == item.sha256
        except Missing:
            return False

    def to_finish(self) -> frozenset[str]:
        """The names that an unfinished generation may have written in part, and those with holes."""
        return self.holes.names.union(*(begun.changed_since(self.view) for begun in self.begun))

    @property
    def rewrite(self) -> bool:
        """Whether what spans names has to be made and looked at anew."""
        return bool(self.begun) or self.holes.across
