"""What an account holds, and how machines were reconciled with it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, true

from dynamic_api.database.tables.base import key, metadata, moment, reference

drive_items = Table(
    "drive_items",
    metadata,
    reference("user_id", "users.id", primary_key=True),
    reference("skill_id", "skills.id", primary_key=True, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("dismissed", Integer, nullable=False, server_default="0"),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("origin", String(16), nullable=False),
    moment("added_at"),
)
"""ordinal and sha256: the pinned version. dismissed: the newest ordinal that the holder has waved away.
origin: import, claim, upload or grant."""

collection_skills = Table(
    "collection_skills",
    metadata,
    reference("key_id", "api_keys.id", primary_key=True),
    reference("skill_id", "skills.id", primary_key=True, index=True),
    moment("added_at"),
)
"""The allow-list of a scoped key."""

sync_runs = Table(
    "cli_sync_runs",
    metadata,
    key(),
    reference("user_id", "users.id"),
    Column("install_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("mode", String(32), nullable=False),
    Column("results", Text, nullable=False),
    Column("counters", Text),
    Column("answer", Text),
    moment("opened_at"),
    moment("closed_at", nullable=True),
    Index("ix_cli_sync_runs_user_opened", "user_id", "opened_at"),
)
