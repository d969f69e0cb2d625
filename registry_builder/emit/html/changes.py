"""What changed from one version to the next, as unified diffs of their files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry_builder.core.folder import File, path_bytes
from registry_builder.core.ledger import SERVED, Document, Row
from registry_builder.emit.base import Earlier
from registry_builder.emit.html.shown import decoded, visible

PAIRS = 5
"""How many neighbouring pairs of versions the page shows, newest first."""
FILE_BYTES = 65_536
FILE_LINES = 1_500
"""A file with more on either side is not compared line by line: that takes quadratic time."""
PAIR_LINES = 2_000
"""The most lines of a diff that are shown of one pair."""

_CLASSES = {"+": "ins", "-": "del", "@": "hunk"}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file between two versions: what happened, lines as (class, text), a note when lines are missing."""

    path: str
    what: str
    lines: tuple[tuple[str, str], ...]
    note: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbouring versions that are served."""

    old: Row
    new: Row
    files: tuple[FileChange, ...]


def pairs_of(document: Document, files: Sequence[File], earlier: Earlier) -> Iterator[Pair]:
    """The newest pairs. Files of a version that was withdrawn are neither read nor shown."""
    rows = [row for row in document.versions if row.state in SERVED][-PAIRS - 1 :]
    newer, after = rows[-1], files
    for row in reversed(rows[:-1]):
        source = earlier(row)
        before = source.files if source else ()
        yield Pair(row, newer, tuple(_changes(before, after)))
        newer, after = row, before


def _changes(before: Sequence[File], after: Sequence[File]) -> Iterator[FileChange]:
    old, new = ({file.path: file for file in files} for files in (before, after))
    room = PAIR_LINES
    for path in sorted(old.keys() | new.keys(), key=path_bytes):
        one, two = old.get(path), new.get(path)
        if one == two:
            continue
        change = _change(path, one, two, room)
        room -= len(change.lines)
        yield change


def _change(path: str, old: File | None, new: File | None, room: int) -> FileChange:
    what = "added" if old is None else "removed" if new is None else "changed"
    if old and new and old.data == new.data:
        return FileChange(path, what, (), "now executable" if new.executable else "no longer executable")
    texts = [decoded(file.data) if file else "" for file in (old, new)]
    if None in texts:
        sizes = " → ".join(f"{len(file.data):,} bytes" if file else "nothing" for file in (old, new))
        return FileChange(path, what, (), f"no text: {sizes}")
    one, two = (_rows(visible(text or "")) for text in texts)
    if (
        max(len(file.data) if file else 0 for file in (old, new)) > FILE_BYTES
        or max(len(one), len(two)) > FILE_LINES
    ):
        return FileChange(path, what, (), "too large to compare here")
    if room <= 0:
        return FileChange(path, what, (), "not shown: this page is full")
    lines = list(difflib.unified_diff(one, two, lineterm="", n=3))[2:]
    note = "" if lines else "only line breaks differ" if old and new else "empty"
    if len(lines) > room:
        note = f"the first {room:,} lines of {len(lines):,}"
    return FileChange(path, what, tuple((_CLASSES.get(line[:1], ""), line) for line in lines[:room]), note)


def _rows(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []
