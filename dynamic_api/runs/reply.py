"""What a caller gets for a run (contracts/skillzdrive.md 7.1, 7.4), ready to be stored and sent."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from dynamic_api.clock import MINUTE, written
from dynamic_api.errors import Conflict, Refusal, TimedOut
from dynamic_api.runs.parts import LONG
from dynamic_api.sandbox.base import Outcome
from dynamic_api.services.idempotency import Stored
from dynamic_api.services.run_ledger import Ended, Lease


class Result(Struct, frozen=True, kw_only=True):
    """A run that ended by itself, or at a limit. `exit_code` is 128 + n for a signal n.

    `truncated`: `stdout` or `stderr` is the start of what was printed; all of it is in the files
    `/tmp/last_run.out` and `/tmp/last_run.err` of the session.
    """

    stdout: str
    stderr: str
    exit_code: int
    session_id: str = msgspec.field(name="sessionId")
    duration_ms: int
    run_id: str
    sandbox_level: str
    limits_hit: tuple[str, ...]
    truncated: bool
    stdout_bytes: int
    stderr_bytes: int
    credits_charged: int
    balance: int
    session_expires_at: str


class Reply(Struct, frozen=True):
    """An answer, and whether it is that of an earlier call."""

    stored: Stored
    replayed: bool = False


WALL = "wall"
TIMEOUT = "script_timeout"
CANCELLED = "run_cancelled"


def ended_of(outcome: Outcome) -> Ended:
    """For the books."""
    return Ended(
        exit_code=outcome.exit_code,
        duration_ms=outcome.duration_ms,
        limits_hit=tuple(outcome.limits_hit),
        reason=TIMEOUT if WALL in outcome.limits_hit else None,
    )


def answer(lease: Lease, outcome: Outcome, charged: int, balance: int, now: int) -> Stored:
    """200 with the result; 504 when the script took longer than it may."""
    result = Result(
        stdout=outcome.stdout.text(),
        stderr=outcome.stderr.text(),
        exit_code=outcome.exit_code,
        session_id=lease.session_id,
        duration_ms=outcome.duration_ms,
        run_id=lease.run_id,
        sandbox_level=outcome.level,
        limits_hit=tuple(outcome.limits_hit),
        truncated=outcome.stdout.cut or outcome.stderr.cut,
        stdout_bytes=outcome.stdout.size,
        stderr_bytes=outcome.stderr.size,
        credits_charged=charged,
        balance=balance,
        session_expires_at=written(now + lease.minutes * MINUTE),
    )
    if WALL not in outcome.limits_hit:
        return Stored(200, msgspec.json.encode({"data": result}))
    mend = f"run it in a session of {LONG} minutes (sessionMinutes: {LONG})"
    if lease.minutes >= LONG:
        mend = "let it do less at once"
    refusal = TimedOut(
        TIMEOUT,
        f"the script was ended after {outcome.duration_ms / 1000:.0f} s, the longest that it may run",
        mend=mend,
        extra=msgspec.to_builtins(result),
    )
    return _refused(504, refusal)


def cancelled(lease: Lease, reason: str, duration_ms: int, charged: int, balance: int) -> Stored:
    """409: the script was stopped for its caller, by leaving or by closing the session."""
    refusal = Conflict(
        CANCELLED,
        f"the script had begun, and was stopped: {reason}",
        mend="run it again",
        extra={
            "sessionId": lease.session_id,
            "run_id": lease.run_id,
            "duration_ms": duration_ms,
            "credits_charged": charged,
            "balance": balance,
        },
    )
    return _refused(409, refusal)


def _refused(status: int, refusal: Refusal) -> Stored:
    return Stored(status, msgspec.json.encode({"error": refusal.body()}))
