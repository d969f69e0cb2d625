"""Changes a bucket as somebody with write access would: with every digest above the change made to fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from registry_builder.core.key import digest, node_key
from registry_builder.core.ledger import Document, decode_document, encode
from registry_builder.core.tree import (
    Bin,
    HistoryNode,
    NamePins,
    Pin,
    Record,
    Root,
    SpanNode,
    bin_of,
    decode_pointer,
    pin,
    summary_of,
)
from registry_builder.emit.base import summarise
from registry_builder.previous import Noted, SummaryNode


@dataclass
class Forgery:
    """`objects` in the making. Call `seal` at the end."""

    objects: dict[str, bytes]
    names: dict[str, NamePins] = field(init=False)
    notes: dict[str, Noted] = field(init=False)

    def __post_init__(self) -> None:
        self.pointer = decode_pointer(self.objects["release.json"])
        self.root = self.node(self.pointer.root, Root)
        self.names, self.notes = {}, {}
        for sha256 in self.root.bins.values():
            self.names |= self.node(sha256, Bin).names
        for sha256 in self.root.summaries.values():
            self.notes |= self.node(sha256, SummaryNode).names
        self.span = self.node(self.root.span or "", SpanNode)
        self.history = (
            self.node(self.root.history, HistoryNode)
            if isinstance(self.root.history, str)
            else HistoryNode(keys={}, states={})
        )

    def node(self, sha256: str, form: type) -> Any:
        return msgspec.json.decode(self.objects[node_key(sha256)], type=form)

    def add(self, body: bytes) -> str:
        sha256 = digest(body)
        self.objects[node_key(sha256)] = body
        return sha256

    def set(self, key: str, body: bytes) -> None:
        """Put `body` there, and pin it wherever `key` is pinned."""
        self.objects[key] = body
        self.pin(key, pin(body))

    def pin(self, key: str, item: Pin, name: str | None = None) -> None:
        """Pin `key`; with `name`, for that name though it was not before."""
        for owner, pins in self.names.items():
            if key in pins.keys or owner == name:
                self.names[owner] = replace(pins, keys={**pins.keys, key: item})
        for part in ("span", "history"):
            node = getattr(self, part)
            if key in node.keys:
                setattr(self, part, replace(node, keys={**node.keys, key: item}))

    def drop(self, key: str) -> None:
        """Forget `key`, in the tree as well."""
        self.objects.pop(key, None)
        for owner, pins in self.names.items():
            if key in pins.keys:
                kept = {other: item for other, item in pins.keys.items() if other != key}
                self.names[owner] = replace(pins, keys=kept)

    def edit(self, key: str, change: Callable[[Any], None]) -> None:
        """Change the JSON at `key`."""
        value = json.loads(self.objects[key])
        change(value)
        self.set(key, encode(value))

    def document(self, name: str, change: Callable[[Document], Document]) -> None:
        """Change a ledger document, its mirror and its summary."""
        document = change(decode_document(self.objects[node_key(self.names[name].document)]))
        body = encode(document)
        self.names[name] = replace(self.names[name], document=self.add(body))
        self.set(f"api/v1/index/{name}.json", body)
        noted = self.notes[name]
        kept = {"paths": noted.summary.paths, "notes": noted.summary.notes}
        self.notes[name] = Noted(noted.memo, replace(summarise(document), **kept))

    def seal(self, summary_of: Callable[[str], str] = summary_of) -> None:
        """Write the nodes, a root, a record of it and the pointer."""
        bins: dict[str, dict[str, NamePins]] = {}
        notes: dict[str, dict[str, Noted]] = {}
        for name, pins in sorted(self.names.items()):
            bins.setdefault(bin_of(name), {})[name] = pins
        for name, noted in sorted(self.notes.items()):
            notes.setdefault(summary_of(bin_of(name)), {})[name] = noted
        root = Root(
            bins={label: self.add(encode(Bin(names=names))) for label, names in bins.items()},
            summaries={label: self.add(encode(SummaryNode(names=names))) for label, names in notes.items()},
            span=self.add(encode(self.span)),
            history=self.add(encode(self.history)) if self.history.keys else UNSET,
        )
        sha256 = self.add(encode(root))
        record = replace(
            self.node(self.pointer.record or "", Record), root=sha256, commit=self.pointer.commit
        )
        pointer = replace(self.pointer, root=sha256, record=self.add(encode(record)))
        self.objects["release.json"] = encode(pointer)
