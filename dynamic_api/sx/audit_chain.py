"""The audit log as hash chains: one for each writer process, tied together by anchors.

    link(n)   = sha256("skillpress-audit-link-1" · hash of link n-1 · canonical(writer, sequence, row))
    anchor(n) = sha256("skillpress-audit-anchor-1" · hash of anchor n-1 · canonical(number, time, heads))

A row that is changed, removed, put in or moved breaks its chain. A chain that is computed anew or cut at its
end differs from the anchors after it, so whoever keeps one anchor elsewhere can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from dynamic_api.sx.problems import Problem

GENESIS = "0" * 64
"""What stands before the first link of a chain, and before the first anchor."""

_LINK, _ANCHOR = b"skillpress-audit-link-1\0", b"skillpress-audit-anchor-1\0"
_INT64 = 1 << 63
_ENCODER = msgspec.json.Encoder(order="sorted")
_PLAIN = (str, int, type(None))

Row = Mapping[str, object]


class Link(Struct, frozen=True):
    """One row in the chain of its writer. `sequence` counts from 1; `previous` is the hash before."""

    writer: str
    sequence: int
    previous: str
    hash: str
    row: Row


class Head(Struct, frozen=True):
    """How far a writer's chain had come: its last sequence, and the hash of that link."""

    sequence: int
    hash: str


class Anchor(Struct, frozen=True):
    """All heads at a time (RFC 3339). Anchors are a chain of their own; `number` counts from 1."""

    number: int
    time: str
    heads: Mapping[str, Head]
    previous: str
    hash: str


def canonical(value: object) -> bytes:
    """The one encoding of a row: JSON, keys sorted, no blanks, UTF-8; text, whole numbers, true, false, null.

    Raises ValueError for anything that two programs could write differently, such as a float.
    """
    _check(value)
    return _ENCODER.encode(value)


def link(previous_hash: str, row: Row, writer: str, sequence: int) -> Link:
    """`row` as the link after the one with `previous_hash`."""
    made = link_hash(previous_hash, canonical(row), canonical(writer), sequence)
    return Link(writer, sequence, previous_hash, made, row)


def link_hash(previous_hash: str, row: bytes, writer: bytes, sequence: int) -> str:
    """The hash of the link after the one with `previous_hash`; `row` and `writer` as `canonical` has them."""
    content = b'{"row":%b,"sequence":%d,"writer":%b}' % (row, sequence, writer)
    return hashlib.sha256(_LINK + bytes.fromhex(previous_hash) + content).hexdigest()


def link_all(head: Head | None, rows: Iterable[Row], writer: str) -> list[Link]:
    """The links of one batch, in order, after `head`; None starts the chain."""
    sequence, previous = (head.sequence, head.hash) if head else (0, GENESIS)
    links: list[Link] = []
    for row in rows:
        sequence += 1
        links.append(link(previous, row, writer, sequence))
        previous = links[-1].hash
    return links


def anchor(previous: Anchor | None, time: str, heads: Mapping[str, Head]) -> Anchor:
    """The anchor over `heads`, after `previous`."""
    number = previous.number + 1 if previous else 1
    before = previous.hash if previous else GENESIS
    return Anchor(number, time, dict(heads), before, _anchor_hash(before, number, time, heads))


def verify(links: Iterable[Link], anchors: Iterable[Anchor]) -> list[Problem]:
    """Everything that does not hold; empty when the log is whole.

    The links of one writer come in the order of their sequence, those of different writers in any; anchors in
    theirs. A break is told once: the check goes on from what is stored.
    """
    known = tuple(anchors)
    wanted: dict[tuple[str, int], str] = {}
    problems = list(_anchor_chain(known))
    for each in known:
        wanted |= {(writer, named.sequence): named.hash for writer, named in each.heads.items()}
    heads: dict[str, Head] = {}
    for each_link in links:
        head = heads.get(each_link.writer)
        problems += _link_problems(each_link, head)
        stated = wanted.pop((each_link.writer, each_link.sequence), None)
        if stated not in {None, each_link.hash}:
            problems.append(_told("audit-anchor-differs", each_link, "an anchor has another hash of it"))
        heads[each_link.writer] = Head(each_link.sequence, each_link.hash)
    for writer, sequence in sorted(wanted):
        what = "an anchor names this row, which is gone"
        problems.append(Problem("audit-row-missing", what, f"{writer} {sequence}"))
    return problems


def _link_problems(each: Link, head: Head | None) -> Iterator[Problem]:
    sequence, previous = (head.sequence, head.hash) if head else (0, GENESIS)
    if each.sequence != sequence + 1:
        yield _told("audit-sequence", each, f"{sequence + 1} should come here")
    elif each.previous != previous:
        yield _told("audit-previous-differs", each, "the row before it is not the one it was linked to")
    try:
        made = link(each.previous, each.row, each.writer, each.sequence).hash
    except ValueError:
        made = ""
    if made != each.hash:
        yield _told("audit-row-changed", each, "its content does not have its hash")


def _anchor_chain(anchors: Iterable[Anchor]) -> Iterator[Problem]:
    before: Anchor | None = None
    for each in anchors:
        place = f"anchor {each.number}"
        number, previous = (before.number, before.hash) if before else (0, GENESIS)
        if each.number != number + 1 or each.previous != previous:
            yield Problem("audit-anchor-order", "it does not follow the one before it", place)
        if each.hash != _anchor_hash(each.previous, each.number, each.time, each.heads):
            yield Problem("audit-anchor-changed", "its content does not have its hash", place)
        for writer, head in sorted(before.heads.items()) if before else ():
            later = each.heads.get(writer)
            if later is None or later.sequence < head.sequence:
                yield Problem("audit-anchor-backwards", f"the chain of {writer} has become shorter", place)
        before = each


def _anchor_hash(previous: str, number: int, time: str, heads: Mapping[str, Head]) -> str:
    told = {writer: [head.sequence, head.hash] for writer, head in heads.items()}
    content = canonical({"number": number, "time": time, "heads": told})
    return hashlib.sha256(_ANCHOR + bytes.fromhex(previous) + content).hexdigest()


def _check(value: object) -> None:
    if isinstance(value, dict | Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError("a key of an audit row is no text")
            if type(inner) is not str and inner is not None:  # most are, and there are many
                _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif not isinstance(value, _PLAIN) or (isinstance(value, int) and not -_INT64 <= value < _INT64):
        raise ValueError(f"an audit row cannot hold {type(value).__name__}")


def _told(code: str, each: Link, message: str) -> Problem:
    return Problem(code, message, f"{each.writer} {each.sequence}")
