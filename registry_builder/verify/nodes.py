"""The digest tree read node by node: a damaged node is named, and the rest is looked at all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from registry_builder.core.errors import Missing, Refusal
from registry_builder.core.key import digest, node_key
from registry_builder.core.ledger import Document, decode_document
from registry_builder.core.tree import Bin, HistoryNode, Pointer, Record, Root, SpanNode, bin_of, summary_of
from registry_builder.previous import Noted, SummaryNode
from registry_builder.store.base import Reader
from registry_builder.verify.report import Fault, Report

T = TypeVar("T")


@dataclass(slots=True)
class Nodes:
    """The tree below the root that readers rely on."""

    reader: Reader
    report: Report
    pointer: Pointer
    root: Root = field(init=False)
    _said: set[str] = field(default_factory=set)
    _split: tuple[str, dict[str, dict[str, Noted]]] = ("", {})

    def __post_init__(self) -> None:
        readable = self.pointer.readable_root
        self.root = (self.node(readable, Root) if readable else None) or Root()

    def node(self, sha256: str, form: type[T]) -> T | None:
        """The node `sha256`; None when it is not sound, which is reported once."""
        body = self._body(sha256)
        if body is None:
            return None
        try:
            return msgspec.json.decode(body, type=form)
        except msgspec.MsgspecError as error:
            self._bad(sha256, f"is no {form.__name__} node: {error}")
            return None

    def document(self, sha256: str, body: bytes) -> Document | None:
        """The document in the node `sha256`, whose bytes are `body`."""
        if digest(body) != sha256:
            self._bad(sha256, "its bytes do not have the digest in its name")
            return None
        try:
            return decode_document(body)
        except msgspec.MsgspecError as error:
            self._bad(sha256, f"is no ledger document: {error}")
            return None

    def bins(self) -> Iterator[tuple[str, Bin]]:
        """Each bin with its label, read anew each time: all of them at once would be large."""
        for label, sha256 in sorted(self.root.bins.items()):
            if node := self.node(sha256, Bin):
                yield label, node

    def summary_key(self, label: str) -> str:
        """The node that speaks of the bin `label`; releases of old have one for each."""
        summaries = self.root.summaries
        return node_key(summaries.get(label) or summaries.get(summary_of(label), ""))

    def summaries(self, label: str) -> dict[str, Noted]:
        """The summaries of the names in the bin `label`."""
        key = self.summary_key(label)
        if key != self._split[0]:
            self._split = key, self._split_summaries(key)
        return self._split[1].get(label, {})

    def _split_summaries(self, key: str) -> dict[str, dict[str, Noted]]:
        node = self.node(key.removeprefix("r/"), SummaryNode) if key != node_key("") else None
        found: dict[str, dict[str, Noted]] = {}
        for name, noted in node.names.items() if node else ():
            found.setdefault(bin_of(name), {})[name] = noted
        for label in sorted(found):
            if label not in self.root.bins or self.summary_key(label) != key:
                self._say("other-summary", key, f"speaks of {min(found[label])}, which the bin has not")
        return found

    def span(self) -> SpanNode | None:
        return self.node(self.root.span, SpanNode) if self.root.span else None

    def history(self) -> HistoryNode | None:
        return self.node(self.root.history, HistoryNode) if isinstance(self.root.history, str) else None

    def check_places(self, label: str, node: Bin) -> None:
        """That each name of a bin belongs there, where everybody looks for it."""
        for name in node.names:
            if bin_of(name) != label:
                message = f"{name} belongs in the bin {bin_of(name)}, where nobody will find it here"
                self.report.fault("wrong-bin", node_key(self.root.bins[label]), message)
        summaries, bins = set(self.root.summaries), set(self.root.bins)
        old = any(label != summary_of(label) for label in summaries)
        for other in summaries ^ (bins if old else {summary_of(label) for label in bins}):
            message = f"bin {other} has names or summaries, and must have both"
            self.report.fault("wrong-bin", node_key(self.pointer.readable_root or ""), message)

    def check_records(self) -> None:
        """The chain of records: whole, going down, its newest the release that is served."""
        newest, generation = self.pointer.record, self.pointer.generation + (not self.pointer.complete)
        if newest is None and self.pointer.readable_root:
            self.report.fault("no-record", "release.json", "names no record of the release that it names")
        last = True
        while newest:
            record = self.node(newest, Record)
            if record is None:
                return
            self.report.checked["records"] += 1
            self._one_record(newest, record, generation if last else generation - 1, last=last)
            newest, generation, last = record.previous, record.generation, False

    def _one_record(self, sha256: str, record: Record, most: int, *, last: bool) -> None:
        key = node_key(sha256)
        if record.generation > most:
            self.report.fault("wrong-record", key, f"generation {record.generation} before {most + 1}")
        if not last:
            return
        pointer = self.pointer
        if record.root != pointer.readable_root:
            message = f"generation {record.generation} was {record.root[:16]}…, and another root is served"
            self.report.fault("wrong-root", "release.json", message)
        elif pointer.complete and (record.generation, record.commit) != (pointer.generation, pointer.commit):
            self.report.fault("wrong-record", "release.json", "its newest record is of another release")

    def _body(self, sha256: str) -> bytes | None:
        key = node_key(sha256)
        try:
            body = self.reader.get(key)
        except Missing:
            self._say("missing", key, "the release needs this node, and it is gone")
            return None
        except Refusal as error:
            if key not in self._said:
                self._said.add(key)
                self.report.unread.append(Fault(error.code, key, error.message))
            return None
        if digest(body) != sha256:
            self._bad(sha256, "its bytes do not have the digest in its name")
            return None
        return body

    def _bad(self, sha256: str, message: str) -> None:
        self._say("bad-node", node_key(sha256), message)

    def _say(self, kind: str, key: str, message: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self.report.fault(kind, key, message)
