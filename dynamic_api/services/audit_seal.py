"""The chains of the audit log in the database: rows are linked at the end of the transaction that makes them.

Each writer has a chain; its head is a row that is locked from the linking to the commit, so that two
transactions never link after the same row. On SQLite all writers are one behind another, and share a chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, bindparam, func, insert, select, update

from dynamic_api.clock import written
from dynamic_api.database import at_end, bulk
from dynamic_api.database.tables import audit_anchors, audit_events, audit_heads
from dynamic_api.database.upsert import insert_absent, values_of
from dynamic_api.services.audit import AUDITED, Row
from dynamic_api.sx.audit_chain import (
    GENESIS,
    Anchor,
    Head,
    Link,
    anchor,
    canonical,
    link_all,
    link_hash,
    verify,
)
from dynamic_api.sx.problems import Problem

MAIN = "main"
CHAINS = 64
"""So many chains on PostgreSQL at the most, however often processes start."""
_BATCH = 1000
_OF_CHAIN = ("writer", "sequence", "sha256")
_CONTENT = [column for column in audit_events.c if column.name not in _OF_CHAIN]
_LINKED = (
    update(audit_events)
    .where(audit_events.c.id == bindparam("row_id"))
    .values(writer=bindparam("of"), sequence=bindparam("at_sequence"), sha256=bindparam("made"))
)
_encode = msgspec.json.Encoder().encode
"""Of a `Row` what `canonical` gives: it holds texts and whole numbers only, in the order of their names."""
_HELD = select(audit_heads).where(audit_heads.c.writer == bindparam("of")).with_for_update()
_HEAD = (
    update(audit_heads)
    .where(audit_heads.c.writer == bindparam("of"))
    .values(sequence=bindparam("at_sequence"), sha256=bindparam("made"))
)
_ADVANCE = _HEAD.where(audit_heads.c.sha256 == bindparam("from_sha256"))


def sealing(writer: str) -> Callable[[Connection], None]:
    """What inserts the rows of a transaction at its end, linked into the chain of `writer`."""
    known = Head(0, GENESIS)

    def seal(db: Connection) -> None:
        nonlocal known
        if rows := at_end.take(db, AUDITED):
            known = _append(db, writer, rows, known)

    return seal


def _append(db: Connection, writer: str, rows: Sequence[Row], expected: Head) -> Head:
    """Link `rows` after the head and insert them; the new head. Another than expected is read first."""
    linked, head = _after(expected, rows, writer)
    place = {"of": writer, "at_sequence": head.sequence, "made": head.hash}
    if not db.execute(_ADVANCE, place | {"from_sha256": expected.hash}).rowcount:
        linked, head = _after(_head(db, writer), rows, writer)
        db.execute(_HEAD, {"of": writer, "at_sequence": head.sequence, "made": head.hash})
    bulk.append(db, audit_events, (*Row.__struct_fields__, *_OF_CHAIN), linked)
    return head


def _after(head: Head, rows: Sequence[Row], writer: str) -> tuple[list[tuple[object, ...]], Head]:
    """`rows` as they are inserted, linked after `head`, and the head that makes."""
    sequence, made = head.sequence, head.hash
    named = canonical(writer)
    linked: list[tuple[object, ...]] = []
    for row in rows:
        sequence += 1
        made = link_hash(made, _encode(row), named, sequence)
        linked.append((*astuple(row), writer, sequence, made))
    return linked, Head(sequence, made)


def adopt(db: Connection, writer: str) -> int:
    """Link rows that nobody has linked, as those of an older release; how many."""
    loose = select(audit_events.c.id).where(audit_events.c.sha256.is_(None))
    ids = db.execute(loose.order_by(audit_events.c.at, audit_events.c.id).limit(_BATCH)).scalars().all()
    if ids:
        _link(db, writer, ids)
    return len(ids)


def _link(db: Connection, writer: str, ids: Sequence[str]) -> None:
    head = _head(db, writer)
    # Read under the lock: what another has linked meanwhile is not among them.
    query = select(*_CONTENT).where(audit_events.c.id.in_(ids), audit_events.c.sha256.is_(None))
    found = {row["id"]: dict(row) for row in db.execute(query).mappings()}
    rows = [found[each] for each in ids if each in found]
    if not rows:
        return
    links = link_all(head, rows, writer)
    db.execute(_LINKED, values_of([{"row_id": each.row["id"], **_place(each)} for each in links]))
    db.execute(_HEAD, _place(links[-1]))


def _head(db: Connection, writer: str) -> Head:
    """The head of a chain, its row locked."""
    kept = db.execute(_HELD, {"of": writer}).one_or_none()
    if kept is None:
        insert_absent(db, audit_heads, [{"writer": writer, "sequence": 0, "sha256": GENESIS}])
        kept = db.execute(_HELD, {"of": writer}).one()
    return Head(kept.sequence, kept.sha256)


def _place(each: Link) -> dict[str, object]:
    return {"of": each.writer, "at_sequence": each.sequence, "made": each.hash}


def drop_anchor(db: Connection, now: int) -> Anchor | None:
    """An anchor over all heads, or None when nothing was written since the last one."""
    rows = db.execute(select(audit_heads).where(audit_heads.c.sequence > 0)).fetchall()
    heads = {row.writer: Head(row.sequence, row.sha256) for row in rows}
    last = _last_anchor(db)
    if not heads or (last is not None and dict(last.heads) == heads):
        return None
    made = anchor(last, written(now), heads)
    values = {
        "number": made.number,
        "at": now,
        "heads": _encoded(heads),
        "previous": made.previous,
        "sha256": made.hash,
    }
    db.execute(insert(audit_anchors), values)
    return made


def problems(db: Connection) -> list[Problem]:
    """Everything that does not hold in the log; empty when it is whole."""
    anchors = [_anchor(row) for row in db.execute(select(audit_anchors).order_by(audit_anchors.c.number))]
    found = verify(_links(db), anchors)
    heads = {row.writer: row.sequence for row in db.execute(select(audit_heads))}
    newest = select(audit_events.c.writer, func.max(audit_events.c.sequence)).group_by(audit_events.c.writer)
    reached = {row[0]: row[1] for row in db.execute(newest)}
    for writer, sequence in sorted(heads.items()):
        if reached.get(writer, 0) < sequence:
            what = "the head of the chain names a row that is gone"
            found.append(Problem("audit-row-missing", what, f"{writer} {sequence}"))
    loose = db.execute(select(func.count()).where(audit_events.c.sha256.is_(None))).scalar_one()
    if loose:
        found.append(Problem("audit-row-loose", f"{loose} rows are in no chain", "", "start the API once"))
    return found


def counted(db: Connection) -> tuple[int, int]:
    """How many rows are linked, and how many anchors there are."""
    rows = db.execute(select(func.coalesce(func.sum(audit_heads.c.sequence), 0))).scalar_one()
    return int(rows), int(db.execute(select(func.count()).select_from(audit_anchors)).scalar_one())


def _links(db: Connection) -> Iterator[Link]:
    """Chain by chain; what stands before a link is the stored hash of the row before it."""
    writer, previous, after = "", GENESIS, ("", 0)
    while True:
        place = (audit_events.c.writer, audit_events.c.sequence)
        later = (place[0] > after[0]) | ((place[0] == after[0]) & (place[1] > after[1]))
        query = select(audit_events).where(audit_events.c.sha256.is_not(None), later).order_by(*place)
        rows = db.execute(query.limit(_BATCH)).mappings().all()
        for row in rows:
            if row["writer"] != writer:
                writer, previous = row["writer"], GENESIS
            content = {column.name: row[column.name] for column in _CONTENT}
            yield Link(writer, row["sequence"], previous, row["sha256"], content)
            previous = row["sha256"]
        if len(rows) < _BATCH:
            return
        after = (rows[-1]["writer"], rows[-1]["sequence"])


def _last_anchor(db: Connection) -> Anchor | None:
    row = db.execute(select(audit_anchors).order_by(audit_anchors.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _anchor(row)


def _anchor(row: Any) -> Anchor:
    heads = msgspec.json.decode(row.heads, type=dict[str, tuple[int, str]])
    named = {writer: Head(*head) for writer, head in heads.items()}
    return Anchor(row.number, written(row.at), named, row.previous, row.sha256)


def _encoded(heads: Mapping[str, Head]) -> str:
    plain = {writer: (head.sequence, head.hash) for writer, head in heads.items()}
    return msgspec.json.encode(plain, order="sorted").decode()
