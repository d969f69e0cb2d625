"""Every table, on one `metadata`. Times are whole milliseconds since 1970 in UTC, ids are 32 hex digits."""

from dynamic_api.database.tables.asset_events import (
    audit_anchors,
    audit_heads,
    device_grants,
    usage_events,
    usage_reports,
)
from dynamic_api.database.tables.assets import (
    active_profiles,
    asset_collection_items,
    asset_collections,
    asset_installs,
    asset_stamps,
    bot_assets,
    bot_keys,
    bot_teams,
    bots,
    path_configs,
    profile_items,
    profiles,
    proposal_files,
    proposals,
    repositories,
    team_repositories,
)
from dynamic_api.database.tables.base import metadata
from dynamic_api.database.tables.drive import collection_skills, drive_items, sync_runs
from dynamic_api.database.tables.events import (
    audit_events,
    install_ids,
    ratings,
    skill_days,
    telemetry_events,
)
from dynamic_api.database.tables.identity import (
    api_keys,
    identities,
    shares,
    team_members,
    team_skills,
    teams,
    users,
)
from dynamic_api.database.tables.money import credit_entries, idempotency_keys
from dynamic_api.database.tables.runs import run_sessions, runs
from dynamic_api.database.tables.secrets import credentials, webhook_deliveries, webhooks
from dynamic_api.database.tables.skills import skill_versions, skills
from dynamic_api.database.tables.uploads import bundles, replaced_bytes, upload_tickets

__all__ = [
    "active_profiles",
    "api_keys",
    "asset_collection_items",
    "asset_collections",
    "asset_installs",
    "asset_stamps",
    "audit_anchors",
    "audit_events",
    "audit_heads",
    "bot_assets",
    "bot_keys",
    "bot_teams",
    "bots",
    "bundles",
    "collection_skills",
    "credentials",
    "credit_entries",
    "device_grants",
    "drive_items",
    "idempotency_keys",
    "identities",
    "install_ids",
    "metadata",
    "path_configs",
    "profile_items",
    "profiles",
    "proposal_files",
    "proposals",
    "ratings",
    "replaced_bytes",
    "repositories",
    "run_sessions",
    "runs",
    "shares",
    "skill_days",
    "skill_versions",
    "skills",
    "sync_runs",
    "team_members",
    "team_repositories",
    "team_skills",
    "teams",
    "telemetry_events",
    "upload_tickets",
    "usage_events",
    "usage_reports",
    "users",
    "webhook_deliveries",
    "webhooks",
]
