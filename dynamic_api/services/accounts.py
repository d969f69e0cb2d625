"""Accounts: people, their role and tier, and what they start with."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.clock import written
from dynamic_api.database.tables import users
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.ids import new_id
from dynamic_api.services import audit, credits
from dynamic_api.services.caller import ADMIN, MODERATOR, USER, Caller
from dynamic_api.settings import Credits

ROLES = (USER, MODERATOR, ADMIN)
_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,255}")


class User(Struct, frozen=True):
    """An account, as operators see it."""

    id: str
    email: str
    name: str
    role: str
    tier: str
    balance: int
    created_at: str
    enabled: bool


def create(
    db: Connection,
    email: str,
    prices: Credits,
    *,
    now: int,
    name: str = "",
    role: str = USER,
    tier: str | None = None,
    by: Caller | None = None,
) -> User:
    """A new account with the initial grant. Raises Invalid, Conflict."""
    tier = prices.default_tier if tier is None else tier
    _require_fit(email, role, tier, prices)
    user_id = new_id()
    try:
        with db.begin_nested():
            db.execute(
                insert(users),
                {
                    "id": user_id,
                    "email": email.lower(),
                    "name": name or email.partition("@")[0],
                    "role": role,
                    "tier": tier,
                    "created_at": now,
                },
            )
    except IntegrityError as error:
        raise Conflict("email_taken", f"there is an account of {email}", place="email") from error
    if prices.initial_grant:
        credits.credit(db, user_id, prices.initial_grant, "grant", now=now, note="initial grant")
    audit.record(db, "USER_CREATED", "user", now=now, caller=by, target_id=user_id, target_name=email.lower())
    return find(db, email)


def _require_fit(email: str, role: str, tier: str, prices: Credits) -> None:
    if not _EMAIL.fullmatch(email):
        raise Invalid("validation_error", "is not an email address", place="email", mend="name@host")
    if role not in ROLES:
        raise Invalid("validation_error", f"is none of {', '.join(ROLES)}", place="role")
    if tier not in prices.tiers:
        raise Invalid("validation_error", f"is none of {', '.join(sorted(prices.tiers))}", place="tier")


def find(db: Connection, who: str) -> User:
    """The account with this email or id. Raises Absent."""
    row = db.execute(select(users).where((users.c.email == who.lower()) | (users.c.id == who))).one_or_none()
    if row is None:
        raise Absent("user_not_found", f"no account {who}", mend="list them: skillpress admin user list")
    return _user(row)


def everyone(db: Connection, after: str = "", limit: int = 1000) -> list[User]:
    """Accounts by email, those after `after`."""
    rows = db.execute(select(users).where(users.c.email > after).order_by(users.c.email).limit(limit))
    return [_user(row) for row in rows]


def change(
    db: Connection,
    who: str,
    prices: Credits,
    *,
    now: int,
    role: str | None = None,
    tier: str | None = None,
    enabled: bool | None = None,
) -> User:
    """Set what is given. Raises Absent, Invalid."""
    user = find(db, who)
    _require_fit(user.email, role or user.role, tier or user.tier, prices)
    values: dict[str, object] = {"role": role or user.role, "tier": tier or user.tier}
    if enabled is not None:
        values["disabled_at"] = None if enabled else now
    db.execute(update(users).where(users.c.id == user.id).values(values))
    audit.record(db, "USER_CHANGED", "user", now=now, target_id=user.id, target_name=user.email, data=values)
    return find(db, user.id)


def _user(row: Row[Any]) -> User:
    return User(
        row.id,
        row.email,
        row.name,
        row.role,
        row.tier,
        row.balance,
        written(row.created_at),
        row.disabled_at is None,
    )
