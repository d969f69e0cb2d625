"""The rows of `cli_sync_runs`: opened by execute, closed once by finalize (5.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Connection, delete, insert, select, update

from dynamic_api.database.tables import sync_runs, users
from dynamic_api.errors import Absent
from dynamic_api.ids import dashed, new_id, undashed
from dynamic_api.services import audit, drive
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.drive import FIRST_RUN, RUN_LIFE
from dynamic_api.services.sync_plan import Size, Slug

_ID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
Counters = dict[Annotated[str, Meta(max_length=64)], Size]


class ItemResult(Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine says came of one skill. Its numbers are kept, and never charged."""

    slug: Slug
    status: Literal[
        "committed",
        "uploaded",
        "downloaded",
        "pending_upload",
        "pending_download",
        "skipped",
        "failed",
        "stale",
    ]
    credits_charged: Size = 0


class Finalized(Struct, frozen=True):
    """The drive after a sync."""

    run_id: str
    drive_count: int
    drive_grandfather_high_water: int


def open_run(
    db: Connection,
    caller: Caller,
    asked: tuple[str, str, str],
    results: Sequence[Struct],
    *,
    now: int,
    trace: Trace,
) -> str:
    """Open a run; its id. `asked` is install id, kind and mode. The account's expired runs are cleared."""
    run = sync_runs.c
    expired = (run.user_id == caller.user_id) & run.closed_at.is_(None) & (run.opened_at <= now - RUN_LIFE)
    db.execute(delete(sync_runs).where(expired))
    run_id, (install_id, kind, mode) = new_id(), asked
    db.execute(
        insert(sync_runs),
        {
            "id": run_id,
            "user_id": caller.user_id,
            "install_id": install_id,
            "kind": kind,
            "mode": mode,
            "results": msgspec.json.encode(results).decode(),
            "opened_at": now,
        },
    )
    _record(
        db, "SYNC_STARTED", caller, run_id, {"kind": kind, "mode": mode, "items": len(results)}, now, trace
    )
    return run_id


def finalize(
    db: Connection,
    caller: Caller,
    run_id: str,
    items: Sequence[ItemResult],
    counters: Mapping[str, int],
    *,
    now: int,
    trace: Trace,
) -> Finalized:
    """Close a run; a repeat gets the first answer. Raises Absent for one that is not there to close."""
    drive.lock(db, caller.user_id)
    found = undashed(run_id) if _ID.fullmatch(run_id) else ""
    run = sync_runs.c
    row = db.execute(select(sync_runs).where(run.id == found, run.user_id == caller.user_id)).one_or_none()
    if row is None or (row.closed_at is None and row.opened_at <= now - RUN_LIFE):
        raise Absent(
            "sync_run_not_found",
            "there is no such run, or it is older than a day and was never finished",
            place="run_id",
            mend="start again with sync/preview",
        )
    if row.answer is not None:
        return msgspec.json.decode(row.answer, type=Finalized)
    count = drive.count(db, caller.user_id)
    answer = Finalized(dashed(found), count, _high_water(db, caller, row.kind, count))
    told = {"item_results": items, "counters": counters}
    db.execute(
        update(sync_runs)
        .where(run.id == found)
        .values(
            counters=msgspec.json.encode(told).decode(),
            answer=msgspec.json.encode(answer).decode(),
            closed_at=now,
        )
    )
    _record(db, "SYNC_FINISHED", caller, found, {"drive_count": count}, now, trace)
    return answer


def _high_water(db: Connection, caller: Caller, kind: str, count: int) -> int:
    """The mark after this run: a first run raises it to the drive's size, nothing lowers it (4.3)."""
    column = users.c.drive_grandfather_high_water
    if kind == FIRST_RUN:
        db.execute(
            update(users)
            .where(users.c.id == caller.user_id, column < count)
            .values(drive_grandfather_high_water=count)
        )
    return int(db.execute(select(column).where(users.c.id == caller.user_id)).scalar_one())


def _record(
    db: Connection,
    event: str,
    caller: Caller,
    run_id: str,
    data: Mapping[str, object],
    now: int,
    trace: Trace,
) -> None:
    audit.record(db, event, "sync_run", now=now, caller=caller, trace=trace, target_id=run_id, data=data)
