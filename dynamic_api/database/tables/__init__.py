"""Every table, on one `metadata`. Times are whole milliseconds since 1970 in UTC, ids are 32 hex digits."""

from dynamic_api.database.tables.base import metadata
from dynamic_api.database.tables.drive import collection_skills, drive_items, sync_runs
from dynamic_api.database.tables.events import (
    audit_events,
    install_ids,
    ratings,
    skill_days,
    telemetry_events,
)
from dynamic_api.database.tables.identity import api_keys, shares, team_members, team_skills, teams, users
from dynamic_api.database.tables.money import credit_entries, idempotency_keys
from dynamic_api.database.tables.secrets import credentials, webhook_deliveries, webhooks
from dynamic_api.database.tables.skills import skill_versions, skills
from dynamic_api.database.tables.uploads import bundles, upload_tickets

__all__ = [
    "api_keys",
    "audit_events",
    "bundles",
    "collection_skills",
    "credentials",
    "credit_entries",
    "drive_items",
    "idempotency_keys",
    "install_ids",
    "metadata",
    "ratings",
    "shares",
    "skill_days",
    "skill_versions",
    "skills",
    "sync_runs",
    "team_members",
    "team_skills",
    "teams",
    "telemetry_events",
    "upload_tickets",
    "users",
    "webhook_deliveries",
    "webhooks",
]
