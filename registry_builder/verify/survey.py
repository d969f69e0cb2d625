"""What has to be known before any key is looked at: all pins, the sample, the base URL, what is revoked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

from registry_builder.core.errors import Refusal
from registry_builder.core.key import download_key, node_key
from registry_builder.core.ledger import Document
from registry_builder.core.tree import Pin
from registry_builder.previous import Previous, read_revoked
from registry_builder.verify.documents import row_pins, wrong_address
from registry_builder.verify.nodes import Nodes
from registry_builder.verify.report import Report
from registry_builder.verify.table import Table, hash_of

_ASKED = 9
_SCHEMA = "schemas/index.json"


@dataclass(slots=True)
class Survey:
    """One pass over the nodes for each question; no pin is kept but in the table."""

    nodes: Nodes
    report: Report

    def pins(self, sample: int | None) -> tuple[Table, frozenset[str] | None]:
        """Every pin, and which keys to look at: None for all, else `sample`, the same for the same root."""
        table = Table()
        ranked = ((hash_of(key, self.nodes.pointer.root), key) for key in self._added(table))
        # With no sample the walk is all that is wanted of it.
        smallest = nsmallest(0 if sample is None else sample, ranked)
        if sample is None:
            for _ in ranked:
                pass
        table.close()
        if table.any_twice():
            for where, key, _ in self._pinned():
                if table.twice(key):
                    self.report.fault("pinned-twice", key, f"{where} is not the only node that pins it")
        return table, None if sample is None else frozenset(key for _, key in smallest)

    def base_url(self) -> str | None:
        """What most of the first documents say: the settings are not published."""
        found: Counter[str] = Counter()
        documents = (pins.document for _, node in self.nodes.bins() for pins in node.names.values())
        for sha256 in islice(documents, _ASKED * 4):
            document = self.nodes.node(sha256, Document)
            if document and document.url and document.current:
                tail = f"/{download_key(document.name, document.current.sha256)}"
                found[document.url.removesuffix(tail)] += document.url.endswith(tail)
            if found.total() >= _ASKED:
                break
        return found.most_common(1)[0][0] if found else self._schema_url()

    def withheld(self) -> frozenset[str]:
        """The keys that must be gone though some node may still pin them."""
        try:
            revoked = read_revoked(self.nodes.reader).revoked
        except Refusal as error:
            self.report.fault(error.code, "revoked.json", error.message)
            return frozenset()
        rows = {row for item in revoked for row in item.rows}
        wanted = {row.partition("@")[0] for row in rows}
        found: set[str] = set()
        for _, node in self.nodes.bins() if wanted else ():
            for name in wanted & set(node.names):
                document = self.nodes.node(node.names[name].document, Document)
                for row in document.versions if document else ():
                    if f"{name}@{row.version}" in rows:
                        found |= set(row_pins(name, row))
        return frozenset(found)

    def unfinished(self) -> dict[str, set[str]]:
        """Key → the digests that it may have already, while a release is unfinished."""
        found: dict[str, set[str]] = {}
        if self.nodes.pointer.complete:
            return found
        with suppress(Refusal):
            for view in Previous(self.nodes.reader).begun:
                for key, item in view.every_pin().items():
                    found.setdefault(key, set()).add(item.sha256)
        return found

    def _added(self, table: Table) -> Iterator[str]:
        for where, key, item in self._pinned():
            try:
                table.add(key, item)
            except ValueError as error:
                self.report.fault("bad-node", where, str(error))
                continue
            if wrong_address(key, item):
                self.report.fault("wrong-digest", key, f"{where} pins it with {item.sha256[:16]}…")
            yield key

    def _pinned(self) -> Iterator[tuple[str, str, Pin]]:
        """The node, the key and its pin, of all."""
        root = self.nodes.root
        for label, node in self.nodes.bins():
            where = node_key(root.bins[label])
            for pins in node.names.values():
                yield from ((where, key, item) for key, item in pins.keys.items())
        for sha256, found in ((root.span, self.nodes.span()), (root.history, self.nodes.history())):
            if found:
                yield from ((node_key(str(sha256)), key, item) for key, item in found.keys.items())

    def _schema_url(self) -> str | None:
        """For a registry that serves nothing: a schema says where it is."""
        try:
            return str(json.loads(self.nodes.reader.get(_SCHEMA))["$id"]).removesuffix(f"/{_SCHEMA}")
        except (Refusal, ValueError, KeyError, TypeError):
            return None
