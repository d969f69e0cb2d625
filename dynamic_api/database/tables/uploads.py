"""Tickets that let one file in, bundles that were made to be fetched, and bytes that were replaced."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from dynamic_api.database.tables.base import key, metadata, moment, reference

upload_tickets = Table(
    "upload_tickets",
    metadata,
    key(),
    reference("user_id", "users.id"),
    reference("key_id", "api_keys.id"),
    reference("collection_id", "api_keys.id", nullable=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("filename", String(255)),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    Index("ix_upload_tickets_user_expires", "user_id", "expires_at"),
    Index("ix_upload_tickets_expires", "expires_at"),
)

bundles = Table(
    "bundles",
    metadata,
    key(),
    reference("user_id", "users.id"),
    Column("sha256", String(64), nullable=False),
    Column("filename", String(255), nullable=False),
    # A JSON list: the artifacts inside.
    Column("digests", Text, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    Index("ix_bundles_expires", "expires_at"),
    Index("ix_bundles_sha256", "sha256", "expires_at"),
)

replaced_bytes = Table(
    "replaced_bytes",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("slug", String(64), nullable=False),
    moment("at"),
    Index("ix_replaced_bytes_at", "at"),
)
"""Of private assets that got another name than `slug`; they are removed after a while."""
