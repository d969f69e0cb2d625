"""Every route, those that are called most first: paths are tried in this order."""

from __future__ import annotations

from dynamic_api.routes import (
    account,
    asset_reports,
    asset_upload,
    assets,
    collections,
    credentials,
    device,
    downloads,
    drive,
    drive_updates,
    leaderboard,
    marketplace,
    operations,
    proposal_page,
    run_sessions,
    runs,
    skills,
    sx_lock,
    sync,
    telemetry,
    uploads,
    webhooks,
)
from dynamic_api.routes.endpoint import Endpoint
from dynamic_api.routes.graphql_api import endpoint as graphql

ENDPOINTS: tuple[Endpoint, ...] = (
    *leaderboard.ENDPOINTS,
    *skills.ENDPOINTS,
    *downloads.ENDPOINTS,
    *sync.ENDPOINTS,
    *sx_lock.ENDPOINTS,
    *assets.ENDPOINTS,
    *asset_reports.ENDPOINTS,
    *asset_upload.ENDPOINTS,
    *drive_updates.ENDPOINTS,
    *drive.ENDPOINTS,
    *collections.ENDPOINTS,
    *marketplace.ENDPOINTS,
    *uploads.ENDPOINTS,
    *account.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *credentials.ENDPOINTS,
    *telemetry.ENDPOINTS,
    *runs.ENDPOINTS,
    *run_sessions.ENDPOINTS,
    *graphql.ENDPOINTS,
    *device.ENDPOINTS,
    *proposal_page.ENDPOINTS,
    *operations.ENDPOINTS,
)
