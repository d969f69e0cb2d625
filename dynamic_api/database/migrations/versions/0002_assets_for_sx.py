"""The tables of what sx gets, and the triggers that tell when a lock may have changed."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_WATCHED = (
    "active_profiles",
    "asset_collection_items",
    "asset_installs",
    "bot_teams",
    "profile_items",
    "shares",
    "skill_versions",
    "team_members",
    "team_repositories",
    "team_skills",
)
_EVENTS = ("INSERT", "UPDATE", "DELETE")
_OF_KEYS = (
    "enabled, expires_at, include_shared, include_team, kind, name, owner_id, prefix, rate_limit_per_minute,"
    " revoked_at, sha256"
)
_KNOWN_CALLERS = (
    ("api_keys", f"UPDATE OF {_OF_KEYS}"),
    ("api_keys", "DELETE"),
    ("bot_keys", "UPDATE"),
    ("bot_keys", "DELETE"),
    ("bots", "UPDATE"),
    ("bots", "DELETE"),
    ("collection_skills", "INSERT"),
    ("collection_skills", "UPDATE"),
    ("collection_skills", "DELETE"),
    ("users", "UPDATE OF disabled_at, email, role, tier"),
    ("users", "DELETE"),
)
"""What a known caller may show. Counters and balances are in these tables as well, and change often."""


def _raise(number: int) -> str:
    return (
        f"INSERT INTO asset_stamps (id, serial) VALUES ({number}, 1)"  # noqa: S608 - our own number
        " ON CONFLICT (id) DO UPDATE SET serial = asset_stamps.serial + 1"
    )


def _triggers(dialect: str) -> Iterator[str]:
    """Whatever a lock may show raises the stamp; references to what is published are none of it."""
    if dialect == "postgresql":
        for name, number in (("raise_asset_stamp", 1), ("raise_caller_stamp", 2)):
            yield (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {_raise(number)}; RETURN NULL; END $$"
            )
    for table in _WATCHED:
        for event in _EVENTS:
            yield _trigger(dialect, table, event, "", "STATEMENT")
    # What somebody takes into a drive takes nothing from a lock; what leaves one may have been lent.
    yield _trigger(dialect, "drive_items", "DELETE", "", "STATEMENT")
    for event, row in zip(_EVENTS, ("NEW", "NEW", "OLD"), strict=True):
        yield _trigger(dialect, "skills", event, f"WHEN ({row}.namespace <> 'published')", "ROW")
    for table, event in _KNOWN_CALLERS:
        head = f"CREATE TRIGGER {_caller_trigger(table, event)} AFTER {event} ON {table}"
        if dialect == "postgresql":
            yield f"{head} FOR EACH STATEMENT EXECUTE FUNCTION raise_caller_stamp()"
        else:
            yield f"{head} BEGIN {_raise(2)}; END"


def _caller_trigger(table: str, event: str) -> str:
    return f"caller_{table}_{event.partition(' ')[0].lower()}"


def _trigger(dialect: str, table: str, event: str, when: str, level: str) -> str:
    head = f"CREATE TRIGGER stamp_{table}_{event.lower()} AFTER {event} ON {table}"
    if dialect == "postgresql":
        return f"{head} FOR EACH {level} {when} EXECUTE FUNCTION raise_asset_stamp()"
    return f"{head} {when} BEGIN {_raise(1)}; END"


def _without_triggers(dialect: str) -> Iterator[str]:
    on = " ON {}" if dialect == "postgresql" else ""
    for table in (*_WATCHED, "skills"):
        for event in _EVENTS:
            yield f"DROP TRIGGER stamp_{table}_{event.lower()}{on.format(table)}"
    yield f"DROP TRIGGER stamp_drive_items_delete{on.format('drive_items')}"
    for table, event in _KNOWN_CALLERS:
        yield f"DROP TRIGGER {_caller_trigger(table, event)}{on.format(table)}"
    if dialect == "postgresql":
        yield "DROP FUNCTION raise_asset_stamp()"
        yield "DROP FUNCTION raise_caller_stamp()"


def upgrade() -> None:
    op.create_table(
        "asset_collections",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_collections")),
        sa.UniqueConstraint("name", name=op.f("uq_asset_collections_name")),
    )
    op.create_table(
        "asset_stamps",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_stamps")),
    )
    op.create_table(
        "audit_anchors",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("heads", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_anchors")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("writer", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("writer", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "bots",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bots")),
        sa.UniqueConstraint("slug", name=op.f("uq_bots_slug")),
    )
    op.create_table(
        "oauth_device_grants",
        sa.Column("device_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_code", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device_sha256", name=op.f("pk_oauth_device_grants")),
        sa.UniqueConstraint("user_code", name=op.f("uq_oauth_device_grants_user_code")),
    )
    with op.batch_alter_table("oauth_device_grants", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_device_grants_expires", ["expires_at"], unique=False)

    op.create_table(
        "profiles",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("slug", name=op.f("uq_profiles_slug")),
    )
    op.create_table(
        "repositories",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=512), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", sa.String(length=1024), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("address", name=op.f("uq_repositories_address")),
    )
    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.create_index("ix_repositories_owner_name", ["owner", "name"], unique=False)

    op.create_table(
        "usage_events",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("reporter_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("asset_name", sa.String(length=200), nullable=False),
        sa.Column("asset_version", sa.String(length=200), nullable=False),
        sa.Column("asset_type", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_events")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.create_index("ix_usage_events_actor", ["actor", "at"], unique=False)
        batch_op.create_index("ix_usage_events_asset", ["asset_name", "at"], unique=False)
        batch_op.create_index("ix_usage_events_at", ["at", "id"], unique=False)

    op.create_table(
        "usage_reports",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("reporter_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_usage_reports")),
    )

    op.create_table(
        "active_profiles",
        sa.Column("holder_id", sa.String(length=32), nullable=False),
        sa.Column("profile_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name=op.f("fk_active_profiles_profile_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("holder_id", name=op.f("pk_active_profiles")),
    )
    with op.batch_alter_table("active_profiles", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_active_profiles_profile_id"), ["profile_id"], unique=False)

    op.create_table(
        "bot_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("bot_id", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("runtime", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_bot_keys_bot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_bot_keys_sha256")),
    )
    with op.batch_alter_table("bot_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bot_keys_bot_id"), ["bot_id"], unique=False)

    op.create_table(
        "bot_teams",
        sa.Column("bot_id", sa.String(length=32), nullable=False),
        sa.Column("team_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["bot_id"], ["bots.id"], name=op.f("fk_bot_teams_bot_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_bot_teams_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("bot_id", "team_id", name=op.f("pk_bot_teams")),
    )
    with op.batch_alter_table("bot_teams", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bot_teams_team_id"), ["team_id"], unique=False)

    op.create_table(
        "path_configs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("repository_id", sa.String(length=32), nullable=False),
        sa.Column("paths", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_path_configs_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_path_configs")),
    )
    with op.batch_alter_table("path_configs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_path_configs_repository_id"), ["repository_id"], unique=False)

    op.create_table(
        "team_repositories",
        sa.Column("team_id", sa.String(length=32), nullable=False),
        sa.Column("repository_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_team_repositories_repository_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_team_repositories_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("team_id", "repository_id", name=op.f("pk_team_repositories")),
    )
    with op.batch_alter_table("team_repositories", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_team_repositories_repository_id"), ["repository_id"], unique=False
        )

    op.create_table(
        "asset_collection_items",
        sa.Column("collection_id", sa.String(length=32), nullable=False),
        sa.Column("skill_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["asset_collections.id"],
            name=op.f("fk_asset_collection_items_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_asset_collection_items_skill_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", "skill_id", name=op.f("pk_asset_collection_items")),
    )
    with op.batch_alter_table("asset_collection_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_collection_items_skill_id"), ["skill_id"], unique=False)

    op.create_table(
        "asset_installs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("skill_id", sa.String(length=32), nullable=True),
        sa.Column("collection_id", sa.String(length=32), nullable=True),
        sa.Column("entity_type", sa.String(length=16), nullable=False),
        sa.Column("entity_id", sa.String(length=32), server_default="", nullable=False),
        sa.Column("path_config_id", sa.String(length=32), nullable=True),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["asset_collections.id"],
            name=op.f("fk_asset_installs_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["path_config_id"],
            ["path_configs.id"],
            name=op.f("fk_asset_installs_path_config_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_asset_installs_skill_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_installs")),
    )
    with op.batch_alter_table("asset_installs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_installs_collection_id"), ["collection_id"], unique=False)
        batch_op.create_index("ix_asset_installs_entity", ["entity_type", "entity_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_asset_installs_path_config_id"), ["path_config_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_asset_installs_skill_id"), ["skill_id"], unique=False)

    op.create_table(
        "profile_items",
        sa.Column("profile_id", sa.String(length=32), nullable=False),
        sa.Column("skill_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name=op.f("fk_profile_items_profile_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_profile_items_skill_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "skill_id", name=op.f("pk_profile_items")),
    )
    with op.batch_alter_table("profile_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_profile_items_skill_id"), ["skill_id"], unique=False)

    op.create_table(
        "proposals",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="open", nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("skill_id", sa.String(length=32), nullable=True),
        sa.Column("label", sa.String(length=64), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("author_name", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_proposals_skill_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
    )
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proposals_skill_id"), ["skill_id"], unique=False)
        batch_op.create_index("ix_proposals_state_created", ["state", "created_at"], unique=False)

    op.create_table(
        "proposal_files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("proposal_id", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_proposal_files_proposal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal_files")),
        sa.UniqueConstraint("proposal_id", "path", name=op.f("uq_proposal_files_proposal_id_path")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_events_unsealed",
            ["at"],
            unique=False,
            sqlite_where=sa.text("sha256 IS NULL"),
            postgresql_where=sa.text("sha256 IS NULL"),
        )

    op.create_table(
        "bot_assets",
        sa.Column("skill_id", sa.String(length=32), nullable=False),
        sa.Column("bot_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["bot_id"], ["bots.id"], name=op.f("fk_bot_assets_bot_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_bot_assets_skill_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("skill_id", name=op.f("pk_bot_assets")),
    )
    with op.batch_alter_table("bot_assets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bot_assets_bot_id"), ["bot_id"], unique=False)

    for statement in _triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in _without_triggers(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_table("bot_assets")

    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_audit_events_unsealed",
            sqlite_where=sa.text("sha256 IS NULL"),
            postgresql_where=sa.text("sha256 IS NULL"),
        )

    op.drop_table("proposal_files")
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.drop_index("ix_proposals_state_created")
        batch_op.drop_index(batch_op.f("ix_proposals_skill_id"))

    op.drop_table("proposals")
    with op.batch_alter_table("profile_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_profile_items_skill_id"))

    op.drop_table("profile_items")
    with op.batch_alter_table("asset_installs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_installs_skill_id"))
        batch_op.drop_index(batch_op.f("ix_asset_installs_path_config_id"))
        batch_op.drop_index("ix_asset_installs_entity")
        batch_op.drop_index(batch_op.f("ix_asset_installs_collection_id"))

    op.drop_table("asset_installs")
    with op.batch_alter_table("asset_collection_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_collection_items_skill_id"))

    op.drop_table("asset_collection_items")
    with op.batch_alter_table("team_repositories", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_team_repositories_repository_id"))

    op.drop_table("team_repositories")
    with op.batch_alter_table("path_configs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_path_configs_repository_id"))

    op.drop_table("path_configs")
    with op.batch_alter_table("bot_teams", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bot_teams_team_id"))

    op.drop_table("bot_teams")
    with op.batch_alter_table("bot_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bot_keys_bot_id"))

    op.drop_table("bot_keys")
    with op.batch_alter_table("active_profiles", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_active_profiles_profile_id"))

    op.drop_table("active_profiles")
    op.drop_table("usage_reports")
    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.drop_index("ix_usage_events_at")
        batch_op.drop_index("ix_usage_events_asset")
        batch_op.drop_index("ix_usage_events_actor")

    op.drop_table("usage_events")
    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.drop_index("ix_repositories_owner_name")

    op.drop_table("repositories")
    op.drop_table("profiles")
    with op.batch_alter_table("oauth_device_grants", schema=None) as batch_op:
        batch_op.drop_index("ix_oauth_device_grants_expires")

    op.drop_table("oauth_device_grants")
    op.drop_table("bots")
    op.drop_table("audit_heads")
    op.drop_table("audit_anchors")
    op.drop_table("asset_stamps")
    op.drop_table("asset_collections")
