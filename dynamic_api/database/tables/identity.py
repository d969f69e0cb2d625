"""Who calls, and who may see what: users, teams, shares, keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, UniqueConstraint, true

from dynamic_api.database.tables.base import key, metadata, moment, reference

users = Table(
    "users",
    metadata,
    key(),
    Column("email", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False, server_default="user"),
    Column("tier", String(64), nullable=False),
    Column("balance", BigInteger, nullable=False, server_default="0"),
    Column("entries", BigInteger, nullable=False, server_default="0"),
    Column("granted_month", String(7)),
    Column("skill_calls", BigInteger, nullable=False, server_default="0"),
    Column("skill_calls_month", String(7)),
    Column("drive_grandfather_high_water", Integer, nullable=False, server_default="0"),
    moment("created_at"),
    moment("disabled_at", nullable=True),
)
"""role: user, moderator or admin. `entries` counts the rows of the ledger, which number them."""

teams = Table(
    "teams",
    metadata,
    key(),
    Column("name", String(200), nullable=False, unique=True),
    moment("created_at"),
)

team_members = Table(
    "team_members",
    metadata,
    reference("team_id", "teams.id", primary_key=True),
    reference("user_id", "users.id", primary_key=True, index=True),
    Column("role", String(16), nullable=False, server_default="member"),
    moment("invited_at"),
    moment("accepted_at", nullable=True),
)
"""role: owner, admin or member. Pending until accepted_at is set."""

team_skills = Table(
    "team_skills",
    metadata,
    reference("team_id", "teams.id", primary_key=True),
    reference("skill_id", "skills.id", primary_key=True, index=True),
    reference("added_by", "users.id"),
    moment("added_at"),
)

shares = Table(
    "shares",
    metadata,
    key(),
    reference("skill_id", "skills.id"),
    reference("owner_id", "users.id", index=True),
    reference("recipient_id", "users.id", index=True),
    Column("status", String(16), nullable=False, server_default="pending"),
    moment("created_at"),
    moment("answered_at", nullable=True),
    UniqueConstraint("skill_id", "recipient_id"),
)
"""status: pending, accepted, rejected or revoked."""

api_keys = Table(
    "api_keys",
    metadata,
    key(),
    reference("owner_id", "users.id"),
    Column("name", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("prefix", String(20), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("include_team", Boolean, nullable=False, server_default=true()),
    Column("include_shared", Boolean, nullable=False, server_default=true()),
    Column("published_name", String(200), unique=True),
    Column("rate_limit_per_minute", Integer),
    Column("monthly_execution_quota", Integer, nullable=False, server_default="0"),
    Column("current_month_usage", Integer, nullable=False, server_default="0"),
    Column("usage_month", String(7)),
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    Column("live_name", String(200)),
    Column("identity_id", String(32)),
    UniqueConstraint("owner_id", "live_name"),
)
"""kind: all_skills, scoped or upload_only. `live_name` is the name while the key is not revoked,
`published_name` what its manifest is called, while it has one: nobody else's. `identity_id` is the identity
that let its device in; it is not there any more once that is unbound.
A collection is a key with a name (contracts/skillzdrive.md 3.2)."""

identities = Table(
    "identities",
    metadata,
    key(),
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    reference("user_id", "users.id", index=True),
    Column("email", String(320), nullable=False, server_default=""),
    moment("created_at"),
    moment("last_used_at", nullable=True),
    UniqueConstraint("issuer", "subject"),
)
"""Who somebody is at a provider of OpenID Connect, and which account that opens. `email` is what the provider
said last."""
