"""A run in the books: reserved before, settled or refunded after, once (DESIGN.md D11).

Who began a run holds it under a lease and says by a heartbeat that it goes on. Only when the lease has passed
does somebody else end it, and then it costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from dynamic_api.clock import MINUTE, month
from dynamic_api.database.tables import run_sessions, runs
from dynamic_api.database.tables.runs import REFUNDED, RESERVED, RUNNING, SETTLED
from dynamic_api.errors import Conflict
from dynamic_api.ids import new_id
from dynamic_api.services import audit, credits, idempotency, popularity, run_quota
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.idempotency import Once, Stored
from dynamic_api.services.run_choice import Choice
from dynamic_api.settings import Credits

SCRIPT_LENGTH = 512
KIND, REFUND = "run", "run_refund"
_UNDER_WAY = (RESERVED, RUNNING)


class Order(Struct, frozen=True, kw_only=True):
    """A run about to be paid for. `level` is that of the sandbox; `is_new` is about the session."""

    choice: Choice
    script: str
    session_id: str
    is_new: bool
    minutes: int
    level: str
    process: str
    once: Once | None


class Lease(Struct, frozen=True):
    """A run that was paid for, to be settled or refunded by whoever holds this."""

    run_id: str
    session_id: str
    user_id: str
    minutes: int
    price: int
    balance: int


class Ended(Struct, frozen=True, kw_only=True):
    """How it went. `reason` is None, or the code of an end that was not the script's own."""

    exit_code: int | None
    duration_ms: int
    limits_hit: tuple[str, ...] = ()
    reason: str | None = None


def price(choice: Choice, minutes: int, prices: Credits) -> int:
    """Credits for one run in a session of `minutes`."""
    return choice.price * (prices.run_30min_factor if minutes > 5 else 1)


def recall(db: Connection, once: Once) -> Stored | None:
    """The answer of an earlier run with this key. Raises Conflict while that one goes on."""
    stored = idempotency.recall(db, once)
    if stored is None:
        running = select(runs.c.id).where(runs.c.user_id == once.user_id, runs.c.once_key == once.key)
        if db.execute(running).first() is not None:
            raise under_way()
    return stored


def under_way() -> Conflict:
    """The refusal of a second run beside the first with the same key."""
    return Conflict(
        "idempotency_in_progress",
        "the run with this key has not ended yet",
        place="header.Idempotency-Key",
        mend="wait, and send the same call again for its answer",
        headers={"Retry-After": "2"},
    )


def reserve(
    db: Connection, caller: Caller, order: Order, prices: Credits, lease_until: int, now: int
) -> Lease:
    """Count the run, take its price and open its row. Raises Limited, Unpaid, and what `recall` raises."""
    if order.once is not None and recall(db, order.once) is not None:
        raise under_way()
    run_quota.take(db, caller, prices, now)
    run_id, choice, amount = new_id(), order.choice, price(order.choice, order.minutes, prices)
    movement = credits.charge(db, caller, amount, KIND, prices, now=now, slug=choice.slug, reference=run_id)
    if order.is_new:
        _open_session(db, caller, order, now)
    row = {
        "id": run_id,
        "user_id": caller.user_id,
        "key_id": caller.key_id,
        "session_id": order.session_id,
        "process": order.process,
        "skill_id": choice.skill_id,
        "slug": choice.slug,
        "ordinal": choice.ordinal,
        "sha256": choice.sha256,
        "script": order.script[:SCRIPT_LENGTH],
        "minutes": order.minutes,
        "price": amount,
        "month": month(now),
        "state": RESERVED,
        "once_key": order.once.key if order.once else None,
        "created_at": now,
        "lease_until": lease_until,
    }
    db.execute(insert(runs), row)
    return Lease(run_id, order.session_id, caller.user_id, order.minutes, amount, movement.after)


def _open_session(db: Connection, caller: Caller, order: Order, now: int) -> None:
    choice = order.choice
    row = {
        "id": order.session_id,
        "user_id": caller.user_id,
        "key_id": caller.key_id,
        "process": order.process,
        "level": order.level,
        "minutes": order.minutes,
        "slug": choice.slug,
        "ordinal": choice.ordinal,
        "sha256": choice.sha256,
        "created_at": now,
        "last_used_at": now,
        "expires_at": now + order.minutes * MINUTE,
    }
    db.execute(insert(run_sessions), row)


def beat(db: Connection, lease: Lease, lease_until: int, now: int) -> bool:
    """Say that the run goes on; False when somebody has ended it in the books."""
    going = update(runs).where(runs.c.id == lease.run_id, runs.c.state.in_(_UNDER_WAY))
    alive = db.execute(going.values(state=RUNNING, lease_until=lease_until)).rowcount > 0
    used(db, [lease.session_id], lease.minutes, now)
    return alive


def used(db: Connection, session_ids: Collection[str], minutes: int, now: int) -> None:
    """The sessions were used just now."""
    values = {"last_used_at": now, "expires_at": now + minutes * MINUTE}
    db.execute(update(run_sessions).where(run_sessions.c.id.in_(session_ids)).values(values))


def settle(db: Connection, caller: Caller, trace: Trace, lease: Lease, ended: Ended, now: int) -> int | None:
    """The run keeps its price. The balance; None when it was refunded meanwhile, and so costs nothing."""
    row = _end(db, lease.run_id, SETTLED, now, ended)
    if row is None:
        return None
    used(db, [lease.session_id], lease.minutes, now)
    popularity.count(db, [row.skill_id], popularity.EXECUTIONS, now)
    data = {
        "slug": row.slug,
        "script": row.script,
        "exit_code": ended.exit_code,
        "duration_ms": ended.duration_ms,
        "limits_hit": list(ended.limits_hit),
        "credits": lease.price,
    }
    _record(db, "RUN_SETTLED", row, data | {"reason": ended.reason}, now, caller, trace)
    return credits.balance_of(db, lease.user_id)


def refund(
    db: Connection,
    run_id: str,
    reason: str,
    now: int,
    *,
    caller: Caller | None = None,
    trace: Trace | None = None,
    only_expired: bool = False,
) -> bool:
    """Give the price back, and the place in the month's quota; False when the run had ended already."""
    row = _end(db, run_id, REFUNDED, now, reason=reason, only_expired=only_expired)
    if row is None:
        return False
    credits.credit(db, row.user_id, row.price, REFUND, now=now, slug=row.slug, reference=run_id, note=reason)
    run_quota.give_back(db, row.user_id, row.key_id, row.month)
    data = {"slug": row.slug, "script": row.script, "credits": row.price, "reason": reason}
    _record(db, "RUN_REFUNDED", row, data, now, caller, trace)
    return True


def _end(
    db: Connection,
    run_id: str,
    state: str,
    now: int,
    ended: Ended | None = None,
    *,
    reason: str | None = None,
    only_expired: bool = False,
) -> Any:
    """The row, if it was ours to end: a run ends once.

    Its Idempotency-Key is free again, or was kept with the answer in this transaction.
    """
    values: dict[str, Any] = {"state": state, "finished_at": now, "reason": reason, "once_key": None}
    if ended is not None:
        values |= {
            "exit_code": ended.exit_code,
            "duration_ms": ended.duration_ms,
            "limits_hit": ",".join(ended.limits_hit),
            "reason": ended.reason,
        }
    going = update(runs).where(runs.c.id == run_id, runs.c.state.in_(_UNDER_WAY))
    if only_expired:
        going = going.where(runs.c.lease_until <= now)
    return db.execute(going.values(values).returning(runs)).one_or_none()


def expired(db: Connection, now: int, most: int, but: Collection[str]) -> list[str]:
    """Runs whose lease has passed, the oldest first, without those of `but`."""
    late = select(runs.c.id).where(
        runs.c.state.in_(_UNDER_WAY), runs.c.lease_until <= now, runs.c.id.not_in(but)
    )
    return list(db.execute(late.order_by(runs.c.lease_until).limit(most)).scalars())


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` runs that ended before `before`; how many. The ledger keeps what they cost."""
    old = select(runs.c.id).where(runs.c.state.in_((SETTLED, REFUNDED)), runs.c.lease_until < before)
    old = old.limit(most)
    return int(db.execute(delete(runs).where(runs.c.id.in_(old))).rowcount)


def _record(
    db: Connection,
    event: str,
    row: Any,
    data: Mapping[str, object],
    now: int,
    caller: Caller | None,
    trace: Trace | None,
) -> None:
    audit.record(
        db,
        event,
        "run",
        now=now,
        caller=caller,
        trace=trace,
        target_id=row.id,
        target_name=row.slug,
        data=data,
    )
