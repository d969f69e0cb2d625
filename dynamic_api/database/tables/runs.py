"""Runs of scripts, each paid for under a lease, and the sessions that they ran in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, UniqueConstraint

from dynamic_api.database.tables.base import key, metadata, moment, reference

RESERVED, RUNNING, SETTLED, REFUNDED = "reserved", "running", "settled", "refunded"

run_sessions = Table(
    "run_sessions",
    metadata,
    key(),
    reference("user_id", "users.id"),
    reference("key_id", "api_keys.id"),
    Column("process", String(32), nullable=False),
    Column("level", String(16), nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("slug", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    moment("created_at"),
    moment("last_used_at"),
    moment("expires_at"),
    moment("closed_at", nullable=True),
    Index("ix_run_sessions_user_created", "user_id", "created_at"),
    Index("ix_run_sessions_closed_expires", "closed_at", "expires_at"),
)
"""The record of a session; its files are in the sandbox of `process`. What stands before: its first skill."""

runs = Table(
    "runs",
    metadata,
    key(),
    reference("user_id", "users.id"),
    reference("key_id", "api_keys.id"),
    Column("session_id", String(32), nullable=False, index=True),
    Column("process", String(32), nullable=False),
    Column("skill_id", String(32), nullable=False),
    Column("slug", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("script", String(512), nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("month", String(7), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("once_key", String(255)),
    Column("exit_code", Integer),
    Column("duration_ms", BigInteger),
    Column("limits_hit", String(128), nullable=False, server_default=""),
    moment("created_at"),
    moment("lease_until"),
    moment("finished_at", nullable=True),
    UniqueConstraint("user_id", "once_key"),
    Index("ix_runs_user_created", "user_id", "created_at"),
    Index("ix_runs_state_lease", "state", "lease_until"),
)
"""state: reserved → running (a heartbeat was seen) → settled (charged) or refunded, for `reason`.
`month` is the one whose quota it counts to. `once_key` holds the Idempotency-Key while it is under way."""
