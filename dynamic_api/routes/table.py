"""Every route, those that are called most first: paths are tried in this order."""

from __future__ import annotations

from dynamic_api.routes import account, operations
from dynamic_api.routes.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *account.ENDPOINTS,
    *operations.ENDPOINTS,
)
