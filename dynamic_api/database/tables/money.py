"""Credits: an append-only ledger, and answers of calls that are not paid for twice (DESIGN.md D11)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from dynamic_api.database.tables.base import metadata, moment, reference

credit_entries = Table(
    "credit_entries",
    metadata,
    reference("user_id", "users.id", primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("slug", String(64)),
    Column("reference", String(64), index=True),
    Column("note", Text, nullable=False, server_default=""),
    moment("at"),
)
"""number counts from 1 without a gap for each account; balance is the running sum after the entry."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    reference("user_id", "users.id", primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("route", String(128), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    moment("at"),
    Index("ix_idempotency_keys_at", "at"),
)
