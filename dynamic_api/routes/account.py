"""The caller's account: credits."""

from __future__ import annotations

from sqlalchemy import Connection

from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.services import credits
from dynamic_api.services.credits import Account


def show_credits(db: Connection, call: Call) -> Account:
    return credits.account(db, call.caller, call.context.settings.credits, call.now)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/account/credits",
        name="account_credits",
        handler=show_credits,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Account",
        summary="Balance, tier, use of this month, and the ten newest transactions",
        answer=Account,
    ),
)
