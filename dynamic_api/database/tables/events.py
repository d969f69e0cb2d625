"""What happened: telemetry, use of skills, and the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table, Text, text

from dynamic_api.database.tables.base import key, metadata, moment, reference

telemetry_events = Table(
    "telemetry_events",
    metadata,
    key(),
    Column("install_id", String(36), nullable=False),
    reference("user_id", "users.id", nullable=True, index=True),
    Column("event_type", String(32), nullable=False),
    Column("cli_version", String(64), nullable=False),
    Column("os", String(64), nullable=False),
    Column("skill_slugs", Text, nullable=False),
    Column("source_types", Text, nullable=False),
    Column("details", Text, nullable=False),
    moment("at"),
    Index("ix_telemetry_events_install_at", "install_id", "at"),
    Index("ix_telemetry_events_at", "at"),
)

install_ids = Table(
    "install_ids",
    metadata,
    Column("install_id", String(36), primary_key=True),
    reference("user_id", "users.id", index=True),
    moment("claimed_at"),
)

skill_days = Table(
    "skill_days",
    metadata,
    Column("skill_id", String(32), primary_key=True),
    Column("day", Date, primary_key=True, index=True),
    Column("executions", Integer, nullable=False, server_default="0"),
    Column("installs", Integer, nullable=False, server_default="0"),
)
"""How often a skill was run and installed on a day, in UTC."""

ratings = Table(
    "ratings",
    metadata,
    Column("skill_id", String(32), primary_key=True),
    reference("user_id", "users.id", primary_key=True),
    Column("stars", Integer, nullable=False),
    moment("at"),
    Index("ix_ratings_at", "at"),
)

audit_events = Table(
    "audit_events",
    metadata,
    key(),
    Column("writer", String(32), nullable=False, server_default=""),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    moment("at"),
    Column("event", String(64), nullable=False),
    Column("actor_id", String(32)),
    Column("actor_name", String(320), nullable=False, server_default=""),
    Column("key_prefix", String(20)),
    Column("target_type", String(32), nullable=False),
    Column("target_id", String(64)),
    Column("target_name", String(255), nullable=False, server_default=""),
    Column("address", String(64)),
    Column("user_agent", String(255)),
    Column("session_id", String(128)),
    Column("request_id", String(64)),
    Column("data", Text, nullable=False, server_default="{}"),
    Column("sha256", String(64)),
    Index("ix_audit_events_at", "at", "id"),
    Index("ix_audit_events_target", "target_type", "target_name", "at"),
    Index("ix_audit_events_actor", "actor_id", "at"),
    Index("ix_audit_events_chain", "writer", "sequence"),
    Index(
        "ix_audit_events_unsealed",
        "at",
        sqlite_where=text("sha256 IS NULL"),
        postgresql_where=text("sha256 IS NULL"),
    ),
)
"""writer, sequence and sha256: one hash chain for each writer process, set when a batch commits."""
