"""Runs of a calendar month, counted for the key and for the account (contracts/skillzdrive.md 3.2, 4.1)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, case, or_, update

from dynamic_api.clock import month
from dynamic_api.database.tables import api_keys, users
from dynamic_api.errors import Limited
from dynamic_api.services.caller import Caller
from dynamic_api.settings import Credits


def take(db: Connection, caller: Caller, prices: Credits, now: int) -> None:
    """Count one run. Raises Limited; a quota of 0 is none, and staff have none but those of their keys."""
    this_month = month(now)
    key = api_keys.c
    fresh = key.usage_month.is_distinct_from(this_month)
    room = or_(key.monthly_execution_quota == 0, fresh, key.current_month_usage < key.monthly_execution_quota)
    used = case((fresh, 1), else_=key.current_month_usage + 1)
    values = {"current_month_usage": used, "usage_month": this_month}
    if not db.execute(update(api_keys).where(key.id == caller.key_id, room).values(values)).rowcount:
        raise _exceeded("this key", "call with another key, or wait", now)
    _take_of_account(db, caller, prices, now)


def _take_of_account(db: Connection, caller: Caller, prices: Credits, now: int) -> None:
    this_month = month(now)
    tier = prices.tiers.get(caller.tier)
    most = 0 if caller.is_staff or tier is None else tier.monthly_skill_calls
    user = users.c
    fresh = user.skill_calls_month.is_distinct_from(this_month)
    mine = update(users).where(user.id == caller.user_id)
    if most:
        mine = mine.where(or_(fresh, user.skill_calls < most))
    values = {"skill_calls": case((fresh, 1), else_=user.skill_calls + 1), "skill_calls_month": this_month}
    if not db.execute(mine.values(values)).rowcount:
        raise _exceeded(f"the tier {caller.tier!r}", "ask for another tier, or wait", now)


def give_back(db: Connection, user_id: str, key_id: str, counted: str) -> None:
    """A run of the month `counted` did not happen."""
    key, user = api_keys.c, users.c
    db.execute(
        update(api_keys)
        .where(key.id == key_id, key.usage_month == counted, key.current_month_usage > 0)
        .values(current_month_usage=key.current_month_usage - 1)
    )
    db.execute(
        update(users)
        .where(user.id == user_id, user.skill_calls_month == counted, user.skill_calls > 0)
        .values(skill_calls=user.skill_calls - 1)
    )


def _exceeded(whose: str, mend: str, now: int) -> Limited:
    present = datetime.fromtimestamp(now / 1000, UTC)
    begin = present.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (begin + timedelta(days=32)).replace(day=1)
    seconds = max(1, math.ceil((following - present).total_seconds()))
    return Limited(
        "quota_exceeded",
        f"the runs of {whose} for this month are used up",
        mend=mend,
        headers={"Retry-After": str(seconds)},
    )
