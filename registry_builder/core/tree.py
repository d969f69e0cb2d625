"""The digest tree: root → bins by sha256(name) → the pins of each name, and one node for what spans names.

Every node is kept under its own digest (`r/<h>`), so unchanged ones are shared between generations.
Source: DESIGN.md section 5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import UNSET, Struct, UnsetType

from registry_builder.core.key import KeyClass, classify


class Pin(Struct, frozen=True, array_like=True):
    """What a key must hold: the digest of its bytes and their number."""

    sha256: str
    size: int


Pins = Mapping[str, Pin]


class NamePins(Struct, frozen=True, kw_only=True):
    """One name: the digest of its ledger document, the memo of what made its keys, and the keys."""

    document: str
    memo: str
    keys: Mapping[str, Pin]


class Bin(Struct, frozen=True, kw_only=True):
    """The names whose digest begins with the same byte."""

    schema: int = 1
    names: Mapping[str, NamePins]


class SpanNode(Struct, frozen=True, kw_only=True):
    """The keys that span names, and the memo of what made them."""

    schema: int = 1
    memo: str
    keys: Mapping[str, Pin]


class HistoryNode(Struct, frozen=True, kw_only=True):
    """The keys that build on earlier releases, and per emitter what it goes on from: record (D13)."""

    schema: int = 1
    keys: Mapping[str, Pin]
    states: Mapping[str, msgspec.Raw]


class Root(Struct, frozen=True, kw_only=True):
    """The root node: bin → digest of its pins, quarter → digest of its summaries, digest of the span node.

    `history` is record: two roots that differ in nothing else are the same release.
    """

    schema: int = 1
    bins: Mapping[str, str] = {}
    summaries: Mapping[str, str] = {}
    span: str | None = None
    history: str | UnsetType = UNSET


class Pointer(Struct, frozen=True, kw_only=True):
    """release.json (contracts/content.md).

    While `state` is "open", `root` is what `owner` is writing until `lease_until`, and `previous` is what
    readers can rely on; `begun` are the roots that publishers who died since may have written in part.
    """

    schema: int = 1
    generation: int
    state: str
    commit: str
    root: str
    previous: str | None
    record: str | None
    skills: int
    versions: int
    builder: str
    settings: str
    owner: str | UnsetType = UNSET
    lease_until: str | UnsetType = UNSET
    begun: tuple[str, ...] | UnsetType = UNSET

    @property
    def complete(self) -> bool:
        return self.state == "complete"

    @property
    def readable_root(self) -> str | None:
        """The root of the newest complete release, None when there is none yet."""
        return self.root if self.complete else self.previous


class Record(Struct, frozen=True, kw_only=True):
    """Who published what, and when: outside the promise of byte identity (DESIGN.md D13)."""

    schema: int = 1
    generation: int
    root: str
    commit: str
    who: str
    when: str
    minted: tuple[str, ...]
    removed: tuple[str, ...]
    previous: str | None


def bin_of(name: str) -> str:
    """The bin that `name` is in: two hexadecimal digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:2]


def summary_of(label: str) -> str:
    """The summary node that speaks of the bin `label`: one of 0, 4, 8, c, each from there to before the next.

    There are few, because every build reads them all.
    """
    return "048c"[int(label[0], 16) // 4]


def pin(body: bytes) -> Pin:
    """The pin of `body`."""
    return Pin(hashlib.sha256(body).hexdigest(), len(body))


def decode_pointer(body: bytes) -> Pointer:
    """release.json. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(body, type=Pointer)


def decode_record(body: bytes) -> Record:
    """A record node. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(body, type=Record)


WRITE_ORDER = (KeyClass.IMMUTABLE, KeyClass.FROZEN, KeyClass.PAYLOAD, KeyClass.INDEX)

_LISTS = re.compile(
    r"(index|404|registry)\.html|marketplace(-npm)?\.json|sitemap.*\.xml|llms\.txt|api/v1/index\.json|api/search"
    r"|(marketplace|sx|collections|\.well-known|types|search)/.*|feed.*|skills/[^/]+\.html"
)


def write_rank(key: str) -> tuple[int, int]:
    """Keys in the order in which they may be written: what is named before what names it.

    Payloads come after the immutable and frozen objects, then indexes of one name, then lists of names.
    The nodes of the digest tree come between the immutable objects and the rest. In a Git repository refs
    come after the list of packs that hold what they name.
    """
    key_class = classify(key)
    if key.startswith("r/"):
        return (0, 1)
    if key.startswith("git/"):
        return (WRITE_ORDER.index(key_class), 1 if "/refs/" in key or key.endswith("/info/refs") else 0)
    if key_class is not KeyClass.INDEX:
        return (WRITE_ORDER.index(key_class), 0)
    return (WRITE_ORDER.index(key_class), 1 if _LISTS.fullmatch(key) else 0)


def all_pins(bins: Iterator[Bin], span: SpanNode | None) -> dict[str, Pin]:
    """Key → pin of a whole release, the nodes of the tree itself left out."""
    found: dict[str, Pin] = dict(span.keys) if span else {}
    for node in bins:
        for pins in node.names.values():
            found.update(pins.keys)
    return found
