"""The audit log: one event for every change, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, insert

from dynamic_api.database.tables import audit_events
from dynamic_api.ids import new_id
from dynamic_api.services.caller import Caller, Trace

_APPEND = insert(audit_events)


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
    trace = trace or Trace()
    db.execute(
        _APPEND,
        {
            "id": new_id(),
            "at": now,
            "event": event,
            "actor_id": caller.user_id if caller else None,
            "actor_name": caller.email if caller else "operator",
            "key_prefix": caller.key_prefix if caller else None,
            "target_type": target_type,
            "target_id": target_id,
            "target_name": target_name[:255],
            "address": trace.address or None,
            "user_agent": trace.user_agent[:255] or None,
            "session_id": trace.session_id,
            "request_id": trace.request_id or None,
            "data": msgspec.json.encode(data or {}, order="sorted").decode(),
        },
    )
