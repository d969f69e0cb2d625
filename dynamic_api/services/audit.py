"""The audit log: one event for every change, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from dynamic_api.database import at_end
from dynamic_api.ids import timed_id
from dynamic_api.services.caller import Caller, Trace

_ENCODER = msgspec.json.Encoder(order="sorted")
_NO_TRACE = Trace()
AUDITED = "audited"
"""The kind of the rows that `audit_seal` links and inserts at the end of their transaction."""


class Row(Struct, frozen=True, gc=False):
    """One event, as the chain encodes it: its fields are in the order of their names (sx/audit_chain.py)."""

    actor_id: str | None
    actor_name: str
    address: str | None
    at: int
    data: str
    event: str
    id: str
    key_prefix: str | None
    request_id: str | None
    session_id: str | None
    target_id: str | None
    target_name: str
    target_type: str
    user_agent: str | None


def record(
    db: Connection,
    event: str,
    target_type: str,
    *,
    now: int,
    caller: Caller | None = None,
    trace: Trace | None = None,
    target_id: str | None = None,
    target_name: str = "",
    data: Mapping[str, object] | None = None,
) -> None:
    """Append `event`. Without a caller it was an operator at the command line, or the server itself."""
    made = row(
        event,
        target_type,
        now=now,
        caller=caller,
        trace=trace,
        target_id=target_id,
        target_name=target_name,
        data=data,
    )
    record_all(db, [made])


def row(
    event: str,
    target_type: str,
    *,
    now: int,
    caller: Caller | None = None,
    trace: Trace | None = None,
    target_id: str | None = None,
    target_name: str = "",
    data: Mapping[str, object] | None = None,
) -> Row:
    """One event, to be appended with others."""
    trace = trace or _NO_TRACE
    return Row(
        actor_id=caller.user_id if caller else None,
        actor_name=caller.email if caller else "operator",
        address=trace.address or None,
        at=now,
        data=_told(caller, data or {}),
        event=event[:64],
        id=timed_id(now),
        key_prefix=caller.key_prefix if caller else None,
        request_id=trace.request_id or None,
        session_id=trace.session_id[:128] if trace.session_id else None,
        target_id=target_id,
        target_name=target_name[:255],
        target_type=target_type[:32],
        user_agent=trace.user_agent[:255] or None,
    )


def _told(caller: Caller | None, data: Mapping[str, object]) -> str:
    if caller is not None and caller.bot_slug is not None:
        data = {**data, "bot": caller.bot_slug}
    return _ENCODER.encode(data).decode()


def record_all(db: Connection, rows: Sequence[Row]) -> None:
    """Append `rows`: they are written at the end of the transaction, linked into its writer's chain."""
    for each in rows:
        at_end.add(db, AUDITED, each)
