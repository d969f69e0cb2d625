"""What happens with assets: use, logins on devices, and the chains of the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from dynamic_api.database.tables.base import key, metadata, moment

usage_events = Table(
    "usage_events",
    metadata,
    key(),
    moment("at"),
    moment("received_at"),
    Column("reporter_id", String(32), nullable=False),
    Column("actor", String(320), nullable=False),
    Column("asset_name", String(200), nullable=False),
    Column("asset_version", String(200), nullable=False),
    Column("asset_type", String(200), nullable=False),
    Index("ix_usage_events_at", "at", "id"),
    Index("ix_usage_events_asset", "asset_name", "at"),
    Index("ix_usage_events_actor", "actor", "at"),
    sqlite_with_rowid=False,
)
"""`id` is the same whenever the same line is sent again (dynamic_api/sx/usage.py)."""

usage_reports = Table(
    "usage_reports",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    moment("received_at"),
    Column("reporter_id", String(32), nullable=False),
    Column("actor", String(320), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Reports as they came, in the order in which they did: they wait here to become usage_events."""

device_grants = Table(
    "oauth_device_grants",
    metadata,
    Column("device_sha256", String(64), primary_key=True),
    Column("user_code", String(16), nullable=False, unique=True),
    Column("client_id", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("interval_seconds", Integer, nullable=False),
    Column("subject", String(32)),
    Column("identity_id", String(32)),
    moment("created_at"),
    moment("expires_at"),
    moment("polled_at", nullable=True),
    Index("ix_oauth_device_grants_expires", "expires_at"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("writer", String(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)
"""How far each chain has come; its row is locked while a batch is linked."""

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    moment("at"),
    Column("heads", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
)
"""`heads` is JSON: writer → [sequence, sha256]."""
