"""How far assets have come: who took them, by the audit log, and who used them, by usage reports."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, func, select

from dynamic_api.clock import DAY
from dynamic_api.database.tables import audit_events, usage_events

DAYS = 30


class Adoption(Struct, frozen=True):
    """One asset in the last 30 days: downloads, by how many callers; uses, by how many people."""

    asset: str
    downloads: int
    takers: int
    uses: int
    users: int


def numbers(db: Connection, now: int) -> list[Adoption]:
    """Every asset that was taken or used, the most used first."""
    since = now - DAYS * DAY
    event, use = audit_events.c, usage_events.c
    taken = (
        select(event.target_name, func.count(), func.count(event.actor_id.distinct()))
        .where(event.event == "DOWNLOADED", event.target_type == "asset", event.at >= since)
        .group_by(event.target_name)
    )
    used = (
        select(use.asset_name, func.count(), func.count(use.actor.distinct()))
        .where(use.at >= since)
        .group_by(use.asset_name)
    )
    takers = {name: (count, who) for name, count, who in db.execute(taken)}
    users = {name: (count, who) for name, count, who in db.execute(used)}
    rows = [
        Adoption(name, *takers.get(name, (0, 0)), *users.get(name, (0, 0)))
        for name in sorted(takers.keys() | users.keys())
    ]
    return sorted(rows, key=lambda row: (-row.uses, -row.takers, row.asset))
