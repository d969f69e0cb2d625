"""What is kept sealed: credentials for scripts, and where events are sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, true

from dynamic_api.database.tables.base import key, metadata, moment, reference

credentials = Table(
    "credentials",
    metadata,
    reference("user_id", "users.id", primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("masked", String(16), nullable=False),
    moment("created_at"),
    moment("updated_at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    key(),
    reference("user_id", "users.id", index=True),
    Column("event_type", String(64), nullable=False),
    Column("threshold_value", BigInteger),
    Column("target_url", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("last_delivery_status", Integer),
    Column("last_delivery_error", String(64)),
    moment("created_at"),
    moment("last_delivery_at", nullable=True),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    key(),
    reference("webhook_id", "webhooks.id"),
    Column("event_type", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("status", String(16), nullable=False, server_default="waiting"),
    Column("response_status", Integer),
    Column("error", String(64)),
    moment("created_at"),
    moment("due_at"),
    moment("claimed_until", nullable=True),
    moment("finished_at", nullable=True),
    Index("ix_webhook_deliveries_status_due", "status", "due_at"),
    Index("ix_webhook_deliveries_webhook_created", "webhook_id", "created_at"),
    Index("ix_webhook_deliveries_finished", "finished_at"),
)
"""status: waiting, delivered or failed. Whoever takes one sets claimed_until: a crash frees it.
response_status is what HTTP said; error is a code when there was no answer."""
