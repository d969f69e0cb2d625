"""Skills that something here refers to: published ones by a fixed id, private ones with their versions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from dynamic_api.database.tables.base import key, metadata, moment, reference

PUBLISHED = "published"
"""The namespace of what the bucket serves."""
ORGANISATION = "organisation"
"""The namespace of private skills that everybody in the organisation may see."""

skills = Table(
    "skills",
    metadata,
    key(),
    Column("namespace", String(32), nullable=False),
    Column("slug", String(64), nullable=False, index=True),
    Column("type", String(32), nullable=False, server_default="skill"),
    Column("name", String(200), nullable=False, index=True),
    Column("description", Text, nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default="[]"),
    Column("category", String(16), nullable=False),
    Column("github_url", Text),
    reference("owner_id", "users.id", nullable=True, index=True),
    Column("newest", Integer, nullable=False, server_default="0"),
    moment("created_at"),
    moment("deleted_at", nullable=True),
    UniqueConstraint("namespace", "slug"),
)
"""namespace: "published", "organisation", or the id of the owner. category: public, premium or private.
`newest` is the ordinal of the newest version; 0 for a published skill, whose versions the bucket knows."""

skill_versions = Table(
    "skill_versions",
    metadata,
    reference("skill_id", "skills.id", primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("label", String(64), nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("files", Integer, nullable=False),
    Column("scripts", Text, nullable=False, server_default="[]"),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("comment", Text, nullable=False, server_default=""),
    Column("grade", String(1), nullable=False),
    Column("findings", Text, nullable=False, server_default="[]"),
    Column("state", String(16), nullable=False, server_default="active"),
    reference("created_by", "users.id", nullable=True),
    moment("created_at"),
    UniqueConstraint("skill_id", "label"),
)
"""Private versions only. scripts, facts and findings are JSON; `facts` holds what the front matter says."""
