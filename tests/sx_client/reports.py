"""`sx stats`, `sx audit`, and the import of audit events. contracts/sx.md 1.6, 2.1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sx_client import graphql, targets
from sx_client.errors import BadAnswer
from sx_client.wire import Wire

IMPORTED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Stats:
    """What `sx stats` prints."""

    events: list[dict[str, Any]]
    by_asset: Mapping[str, int]
    by_actor: Mapping[str, int]
    teams: list[str]


def stats(
    wire: Wire,
    *,
    asset: str | None = None,
    kind: str | None = None,
    actor: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Stats:
    """The server filters; times are RFC 3339."""
    filters = {"assetName": asset, "assetType": kind, "actor": actor, "since": since, "until": until}
    events = list(graphql.pages(wire, "AssetUsageEvents", ("assetUsageEvents",), **filters))  # type: ignore[arg-type]
    names = [team["name"] for team in targets.teams(wire, first=300)]
    assets = Counter(event["assetName"] for event in events)
    return Stats(events, assets, Counter(event["actorEmail"] for event in events), names)


def audit(
    wire: Wire, *, event: str | None = None, actor: str | None = None, target: str | None = None
) -> list[Any]:
    """All pages, newest first; sx filters here, not at the server."""
    rows = list(graphql.pages(wire, "AssetAuditLog", ("assetAuditLog",)))
    times = [datetime.fromisoformat(row["date"]) for row in rows]
    if times != sorted(times, reverse=True):
        raise BadAnswer("AssetAuditLog: not newest first")
    wanted = {"event": event, "actorEmail": actor, "targetName": target}
    return [row for row in rows if all(value in {None, row[key]} for key, value in wanted.items())]


def import_events(wire: Wire, events: Sequence[Mapping[str, Any]]) -> int:
    """How many were taken, 5000 at once. Each has timestamp, event, targetType, actor, target and data."""
    keys = ("timestamp", "event", "targetType", "actor", "target", "data")
    rows = [{key: event.get(key) for key in keys} for event in events]
    parts = [rows[start : start + IMPORTED_AT_ONCE] for start in range(0, len(rows), IMPORTED_AT_ONCE)]
    return sum(int(graphql.change(wire, "ImportAuditEvents", events=part)["importedCount"]) for part in parts)
