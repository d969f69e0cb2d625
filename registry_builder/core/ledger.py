"""The ledger: per name the versions that were minted, and `mint`, which adds to it.

Source: DESIGN.md D1 and D2; the document's form is contracts/content.md, "Ledger document".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

ACTIVE, DEPRECATED, YANKED, QUARANTINED, REMOVED = "active", "deprecated", "yanked", "quarantined", "removed"
SERVED = (ACTIVE, DEPRECATED)
ABSENT = "0" * 40
"""What `held` says when a rollback undid a deletion: the folder's absence is held back."""


LOST = "lost with its bucket"
"""What `withdrawn` says of a row whose bytes nobody has any more: its keys are not served."""


class Derived(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bundle made from an artifact: the profile it was made with, its digests, its size in bytes.

    `clients` and `dependencies` are what an index has to repeat of the bundle's own metadata.
    """

    profile: int
    sha256: str
    size: int
    sha512: str | None = None
    sha1: str | None = None
    metadata: str | None = None
    clients: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


class Row(Struct, frozen=True, kw_only=True):
    """One minted version. All but `state`, `reason` and `findings` is never recomputed.

    `withdrawn` is why a rollback took it back: it is yanked whatever advisories say.
    """

    version: int
    state: str = ACTIVE
    label: str | None = None
    tree: str
    commit: str
    path: str
    time: str
    sha256: str
    size: int
    files: int
    bytes: int
    derived: Mapping[str, Derived]
    findings: Mapping[str, int]
    reason: str | UnsetType = UNSET
    withdrawn: str | UnsetType = UNSET


class Removal(Struct, frozen=True):
    """The tombstone of a name: the commit that no longer had it, and its time."""

    commit: str
    time: str


class Document(Struct, frozen=True, kw_only=True):
    """Everything about one name, versions oldest first. A deleted name keeps its document."""

    schema: int = 1
    name: str
    type: str
    state: str = ACTIVE
    held: str | None = None
    title: str
    description: str
    tags: tuple[str, ...] = ()
    licence: str | None = None
    author: str | None = None
    homepage: str | None = None
    owner: str | None = None
    credit_cost_per_use: int = 1
    execution_tier: str | None = None
    required_env: tuple[str, ...] = ()
    clients: Mapping[str, str] = {}
    dependencies: tuple[str, ...] = ()
    manifest: bool = False
    replacement: str | None = None
    versions: tuple[Row, ...]
    url: str | None = None
    removed: Removal | UnsetType = UNSET

    @property
    def newest(self) -> Row:
        """The row minted last, whatever its state."""
        return self.versions[-1]

    @property
    def current(self) -> Row | None:
        """The newest row that clients are served, None when there is none."""
        if self.state == REMOVED:
            return None
        return next((row for row in reversed(self.versions) if row.state in SERVED), None)


class Moment(Struct, frozen=True):
    """A commit and its committer time, RFC 3339 in UTC."""

    commit: str
    time: str


class Candidate(Struct, frozen=True, kw_only=True):
    """A valid folder at some commit: what the document says of it, and what a row of it would record."""

    document: Document
    tree: str
    path: str
    label: str | None
    findings: Mapping[str, int]


class Edition(Struct, frozen=True, kw_only=True):
    """The artifact of a version to be minted, and what was derived from it."""

    sha256: str
    size: int
    files: int
    bytes: int
    derived: Mapping[str, Derived]


def next_version(previous: Document | None, candidate: Candidate) -> int | None:
    """The number that `candidate` would get, None when it mints nothing.

    Nothing is minted for the tree of the newest row, unless the name was deleted in between, nor for a
    tree that a rollback holds back.
    """
    if previous is None:
        return 1
    if previous.held == candidate.tree:
        return None
    same = previous.newest.tree == candidate.tree and previous.type == candidate.document.type
    return None if same and previous.state != REMOVED else previous.newest.version + 1


def mint(previous: Document | None, candidate: Candidate, moment: Moment, edition: Edition) -> Document:
    """`candidate`'s document with one row more than `previous`. Time never runs backwards."""
    rows = previous.versions if previous else ()
    row = Row(
        version=rows[-1].version + 1 if rows else 1,
        label=candidate.label,
        tree=candidate.tree,
        commit=moment.commit,
        path=candidate.path,
        time=max(moment.time, rows[-1].time) if rows else moment.time,
        sha256=edition.sha256,
        size=edition.size,
        files=edition.files,
        bytes=edition.bytes,
        derived=edition.derived,
        findings=candidate.findings,
    )
    return msgspec.structs.replace(candidate.document, versions=(*rows, row))


def keep(previous: Document, candidate: Candidate) -> Document:
    """`previous` with the fields that a release sets anew from an unchanged folder."""
    newest = msgspec.structs.replace(previous.newest, findings=candidate.findings)
    return msgspec.structs.replace(
        candidate.document, held=previous.held, versions=(*previous.versions[:-1], newest)
    )


def bury(previous: Document, moment: Moment) -> Document:
    """`previous` with a tombstone. A name that has one keeps the one it has."""
    if previous.state == REMOVED:
        return previous
    time = max(moment.time, previous.newest.time)
    return msgspec.structs.replace(
        previous, state=REMOVED, held=None, url=None, removed=Removal(commit=moment.commit, time=time)
    )


def encode(value: object) -> bytes:
    """JSON as we publish it: keys sorted, compact, UTF-8, final newline."""
    return msgspec.json.encode(value, order="sorted") + b"\n"


def decode_document(body: bytes) -> Document:
    """The document in `body`. Raises msgspec.ValidationError or DecodeError."""
    return msgspec.json.decode(body, type=Document)


def served(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that indexes name, oldest first."""
    return tuple(row for row in rows if row.state in SERVED)
