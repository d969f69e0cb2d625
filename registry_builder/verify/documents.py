"""One name: its ledger document against its pins, its summary and its mirror."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from registry_builder.core.key import KeyClass, classify, digest, download_key
from registry_builder.core.ledger import QUARANTINED, Document, Row, encode
from registry_builder.core.tree import NamePins, Pin
from registry_builder.emit.base import Summary, summarise
from registry_builder.emit.table import EMITTERS
from registry_builder.verify.report import Report

_ADDRESS = re.compile(r"(?:api/v1/downloads/public/[^/]+|t/[^/]+|static)/([0-9a-f]{64})(?:\.[a-z0-9]+)?")


def row_pins(name: str, row: Row) -> dict[str, str]:
    """Key → sha256 of everything that `row` can pin for ever. Raises AssertionError for a broken row."""
    found = {download_key(name, row.sha256): row.sha256}
    for module in EMITTERS.values():
        if hasattr(module, "row_keys"):
            found |= module.row_keys(name, row)
    return found


def check_document(
    name: str, document: Document, pins: NamePins, summary: Summary | None, to: Report
) -> None:
    """Report what does not agree in what the release says of `name`."""
    mirror = f"api/v1/index/{name}.json"
    if document.name != name:
        to.fault("other-document", mirror, f"the ledger's node is about {document.name}")
        return
    numbers = [row.version for row in document.versions]
    if numbers != list(range(1, len(numbers) + 1)):
        to.fault("bad-ledger", mirror, f"its versions are {numbers}")
        return
    if mirror in pins.keys and pins.keys[mirror].sha256 != digest(encode(document)):
        to.fault("other-document", mirror, "differs from the ledger's node")
    for row in document.versions:
        _row(document, row, pins.keys, to)
    _explained(document, pins.keys, to)
    if summary is None:
        to.fault("other-summary", mirror, f"{name} has no summary, so no index will name it")
    elif replace(summary, paths=(), notes={}) != summarise(document):
        to.fault("other-summary", mirror, "the summary that indexes are made from says something else")


def _row(document: Document, row: Row, pins: Mapping[str, Pin], to: Report) -> None:
    what = f"{document.name}@{row.version}"
    artifact = download_key(document.name, row.sha256)
    if row.state == QUARANTINED:
        for key in set(row_pins(document.name, row)) & set(pins):
            to.fault("pinned-quarantined", key, f"{what} is quarantined, and the tree pins it")
        return
    if artifact not in pins:
        to.fault("unpinned-version", artifact, f"{what} has these bytes, and the tree does not pin them")
    elif pins[artifact].size != row.size:
        to.fault("wrong-size", artifact, f"{what} says {row.size:,} bytes, and {pins[artifact].size:,} are")
    for key, sha256 in row_pins(document.name, row).items():
        if key in pins and pins[key].sha256 != sha256:
            to.fault("wrong-digest", key, f"{what} was minted with other bytes than the tree pins")


def _explained(document: Document, pins: Mapping[str, Pin], to: Report) -> None:
    """That a key which never changes belongs to a row."""
    known = {key for row in document.versions for key in row_pins(document.name, row)}
    for key in pins:
        if classify(key) in {KeyClass.IMMUTABLE, KeyClass.FROZEN} and key not in known:
            to.fault("unexplained", key, f"is pinned, and no version of {document.name} has it")


def wrong_address(key: str, item: Pin) -> bool:
    """Whether `key` promises another digest than it is pinned with."""
    found = _ADDRESS.fullmatch(key)
    return found is not None and found[1] != item.sha256


def quarantined_keys(document: Document) -> Iterator[tuple[str, Row]]:
    """The keys that must be gone, because every row that has them is quarantined."""
    alive = {
        key for row in document.versions if row.state != QUARANTINED for key in row_pins(document.name, row)
    }
    for row in document.versions:
        if row.state == QUARANTINED:
            yield from ((key, row) for key in row_pins(document.name, row) if key not in alive)
