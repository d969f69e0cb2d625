"""Who gets which asset by sx: bots, repositories, installs, collections and profiles."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from dynamic_api.database.tables.base import key, metadata, moment, reference

bots = Table(
    "bots",
    metadata,
    key(),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_by", String(32), nullable=False),
    moment("created_at"),
)

bot_teams = Table(
    "bot_teams",
    metadata,
    reference("bot_id", "bots.id", primary_key=True),
    reference("team_id", "teams.id", primary_key=True, index=True),
)

bot_keys = Table(
    "bot_keys",
    metadata,
    key(),
    reference("bot_id", "bots.id", index=True),
    Column("label", String(200), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("prefix", String(20), nullable=False),
    Column("runtime", Boolean, nullable=False, server_default=false()),
    moment("created_at"),
    moment("expires_at", nullable=True),
)
"""A table of its own: a key of a bot has no account, and opens what is for sx only."""

bot_assets = Table(
    "bot_assets",
    metadata,
    reference("skill_id", "skills.id", primary_key=True),
    reference("bot_id", "bots.id", index=True),
)
"""Assets that a bot has made: it may upload further versions."""

repositories = Table(
    "repositories",
    metadata,
    key(),
    Column("address", String(512), nullable=False, unique=True),
    Column("host", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("url", String(1024), nullable=False),
    moment("created_at"),
    Index("ix_repositories_owner_name", "owner", "name"),
)
"""`address` is host/owner/name in lower case, whatever form of URL it came in; `url` is the first one."""

team_repositories = Table(
    "team_repositories",
    metadata,
    reference("team_id", "teams.id", primary_key=True),
    reference("repository_id", "repositories.id", primary_key=True, index=True),
)

path_configs = Table(
    "path_configs",
    metadata,
    key(),
    reference("repository_id", "repositories.id", index=True),
    Column("paths", Text, nullable=False),
)
"""Folders of a repository (JSON, sorted): `monoRepoConfigs` of sx. The id is made of both."""

asset_collections = Table(
    "asset_collections",
    metadata,
    key(),
    Column("name", String(200), nullable=False, unique=True),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_by", String(32), nullable=False),
    moment("created_at"),
)
"""Collections of sx: assets that are installed together. Not the collections that are keys."""

asset_collection_items = Table(
    "asset_collection_items",
    metadata,
    reference("collection_id", "asset_collections.id", primary_key=True),
    reference("skill_id", "skills.id", primary_key=True, index=True),
)

asset_installs = Table(
    "asset_installs",
    metadata,
    key(),
    reference("skill_id", "skills.id", nullable=True, index=True),
    reference("collection_id", "asset_collections.id", nullable=True, index=True),
    Column("entity_type", String(16), nullable=False),
    Column("entity_id", String(32), nullable=False, server_default=""),
    reference("path_config_id", "path_configs.id", nullable=True, index=True),
    Column("created_by", String(32), nullable=False),
    moment("created_at"),
    Index("ix_asset_installs_entity", "entity_type", "entity_id"),
)
"""An asset or a collection is meant for an entity. The id is made of all that tells two of them apart."""

profiles = Table(
    "profiles",
    metadata,
    key(),
    Column("slug", String(64), nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    moment("created_at"),
)

profile_items = Table(
    "profile_items",
    metadata,
    reference("profile_id", "profiles.id", primary_key=True),
    reference("skill_id", "skills.id", primary_key=True, index=True),
)

active_profiles = Table(
    "active_profiles",
    metadata,
    Column("holder_id", String(32), primary_key=True),
    reference("profile_id", "profiles.id", index=True),
    moment("at"),
)
"""The profile that an account or a bot has chosen."""

asset_stamps = Table(
    "asset_stamps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("serial", BigInteger, nullable=False),
)
LOCKS, CALLERS = 1, 2
"""Its rows: triggers raise `serial` with all that a lock may show, or a known caller (migration 0002)."""

proposals = Table(
    "proposals",
    metadata,
    key(),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False, server_default="open"),
    Column("slug", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("title", String(500), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    reference("skill_id", "skills.id", nullable=True, index=True),
    Column("label", String(64)),
    Column("sha256", String(64)),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("author_id", String(32), nullable=False),
    Column("author_name", String(320), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    moment("created_at"),
    moment("decided_at", nullable=True),
    Index("ix_proposals_state_created", "state", "created_at"),
)
"""kind: upload (a zip, by its sha256 in the private store) or change (files, one by one).
state: open, fetched or rejected."""

proposal_files = Table(
    "proposal_files",
    metadata,
    key(),
    reference("proposal_id", "proposals.id"),
    Column("path", String(512), nullable=False),
    Column("action", String(16), nullable=False),
    Column("content", Text, nullable=False, server_default=""),
    UniqueConstraint("proposal_id", "path"),
)
