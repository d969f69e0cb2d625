"""Every route, those that are called most first: paths are tried in this order."""

from __future__ import annotations

from dynamic_api.routes import account, credentials, drive, drive_updates, operations, webhooks
from dynamic_api.routes.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *drive_updates.ENDPOINTS,
    *drive.ENDPOINTS,
    *account.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *credentials.ENDPOINTS,
    *operations.ENDPOINTS,
)
