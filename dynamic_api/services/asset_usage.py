"""Uses of assets as clients report them: on disk before the answer, counted a moment later, each once.

A report is kept whole, one row for all of its lines, and counted from there: five B-trees for each line are
too dear for a client that waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)

from dynamic_api.database import bulk
from dynamic_api.database.tables import skills, usage_events, usage_reports
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.services.caller import Caller
from dynamic_api.sx.usage import read_usage

BYTES = 256 * 1024
"""Of reports, counted in one transaction: about 2,000 lines, so that other writes do not wait long."""
AT_ONCE = 200
Row = tuple[object, ...]
_COLUMNS = tuple(column.name for column in usage_events.c)
_FIELDS = ("received_at", "reporter_id", "actor", "body")
_KEEP = insert(usage_reports)
_NUMBER = usage_reports.c.number
_GIVEN = _NUMBER.in_(bindparam("numbers", expanding=True))
_SIZES = select(_NUMBER, func.length(usage_reports.c.body)).order_by(_NUMBER).limit(AT_ONCE)
_WAITING = select(usage_reports).where(_GIVEN).order_by(_NUMBER)
_TAKE = delete(usage_reports).where(_GIVEN).returning(_NUMBER)


class Used(Struct, frozen=True):
    """One use. `at` is in milliseconds."""

    id: str
    at: int
    actor: str
    asset_name: str
    asset_version: str
    asset_type: str


class Filter(Struct, frozen=True, kw_only=True):
    """Which uses are asked for; None stands for all. Times are in milliseconds."""

    asset_name: str | None = None
    asset_type: str | None = None
    actor: str | None = None
    since: int | None = None
    until: int | None = None


class Report(Struct, frozen=True, kw_only=True):
    """The lines of one report as they came; `actor` used what the lines do not say who used."""

    received_at: int
    reporter_id: str
    actor: str
    body: bytes


def keep(db: Connection, reports: Sequence[Report]) -> None:
    """Put `reports`, which were checked, on disk."""
    db.execute(_KEEP, [asdict(each) for each in reports])


def waiting(db: Connection) -> dict[int, Report]:
    """The oldest reports that are not counted yet, about BYTES of them: number → report."""
    sizes = db.execute(_SIZES).fetchall()
    numbers: list[int] = []
    left = BYTES
    for number, size in sizes:
        if numbers and size > left:
            break
        numbers.append(number)
        left -= size
    if not numbers:
        return {}
    rows = db.execute(_WAITING, {"numbers": numbers}).fetchall()
    return {row.number: Report(**{name: getattr(row, name) for name in _FIELDS}) for row in rows}


def rows_of(report: Report) -> list[Row]:
    """Its events, ready to be counted."""
    read = read_usage(report.body, report.reporter_id, moment(report.received_at))
    return [
        (
            event.id,
            int(event.time.timestamp() * 1000),
            report.received_at,
            report.reporter_id,
            (event.actor or report.actor)[:320],
            event.asset_name,
            event.asset_version,
            event.asset_type,
        )
        for event in read
    ]


def count(db: Connection, rows: Mapping[int, Sequence[Row]]) -> None:
    """Take reports (number → events) off the queue, and keep those of their events that are new.

    Whoever takes a report off counts it, so that each is counted once, also with several at it.
    """
    taken = db.execute(_TAKE, {"numbers": list(rows)}).scalars().all()
    events = sorted(row for number in taken for row in rows[number])
    bulk.append(db, usage_events, _COLUMNS, events, absent=True)


def moment(now: int) -> datetime:
    """Milliseconds as a time in UTC."""
    return datetime.fromtimestamp(now / 1000, UTC)


def _of_others(caller: Caller) -> ColumnElement[bool]:
    """Whether a name is known here only as that of somebody else's private assets."""
    named = skills.c.slug == usage_events.c.asset_name
    known = skills.c.namespace.in_((PUBLISHED, ORGANISATION, caller.user_id))
    return and_(exists().where(named, ~known), ~exists().where(named, known))


def page(
    db: Connection, caller: Caller, wanted: Filter, after: tuple[int, str] | None, limit: int
) -> list[Used]:
    """Uses that the caller may read of, newest first, from the first one after (time, id)."""
    event = usage_events.c
    query = select(usage_events).order_by(event.at.desc(), event.id.desc()).limit(limit)
    if not caller.is_staff:
        query = query.where(or_(event.reporter_id == caller.user_id, ~_of_others(caller)))
    if after is not None:
        query = query.where(or_(event.at < after[0], and_(event.at == after[0], event.id < after[1])))
    for column, value in (
        (event.asset_name, wanted.asset_name),
        (event.asset_type, wanted.asset_type),
        (event.actor, wanted.actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(event.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(event.at < wanted.until)
    return [
        Used(row.id, row.at, row.actor, row.asset_name, row.asset_version, row.asset_type)
        for row in db.execute(query)
    ]
