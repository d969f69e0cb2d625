"""`skillpress audit`: the log of the API, proved and written out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from dynamic_api.cli.admin.base import as_json, database_options, observe, show_rows
from registry_builder.core.errors import Unfit

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")
_since = click.option("--since", type=click.DateTime(_DATES), help="From this time (UTC).")
_until = click.option("--until", type=click.DateTime(_DATES), help="Before this time (UTC).")
_event = click.option("--event", help="Of this event only, such as DOWNLOADED.")
_actor = click.option("--actor", help="By this email, `operator`, or `bot:slug`.")
_target = click.option("--target", help="Of this asset, team, bot or key.")


@click.group()
@database_options
def audit() -> None:
    """Prove, list and export the audit log of the API."""


@audit.command()
@as_json
def verify(as_json: bool) -> None:
    """Recompute every chain, and hold it against the anchors. Ends with 1 when anything differs."""
    from dynamic_api.services import audit_seal

    def work(db: Connection) -> tuple[list[object], tuple[int, int]]:
        return list(audit_seal.problems(db)), audit_seal.counted(db)

    found, (rows, anchors) = observe(work)
    show_rows(found, as_json, ("place", "code", "message"), f"whole: {rows} rows, {anchors} anchors")
    if found:
        mend = "compare with a back-up, and with the anchors in the log of the process"
        raise Unfit("audit-broken", f"{len(found)} places in the log do not hold", mend=mend)


@audit.command("list")
@_since
@_until
@_event
@_actor
@_target
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@as_json
def list_(
    since: datetime | None,
    until: datetime | None,
    event: str | None,
    actor: str | None,
    target: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest events, newest first; with --json, what is kept of each."""
    from dynamic_api.services import audit_log

    wanted = audit_log.Filter(
        event=event, actor=actor, target=target, since=_milliseconds(since), until=_milliseconds(until)
    )
    rows = observe(lambda db: audit_log.listed(db, wanted, limit))
    empty = "no event fits" if wanted != audit_log.Filter() else "nothing has happened yet"
    show_rows(rows, as_json, ("time", "event", "actor", "target", "address"), empty)


@audit.command()
@_since
@_until
@_event
@_actor
@_target
def export(
    since: datetime | None,
    until: datetime | None,
    event: str | None,
    actor: str | None,
    target: str | None,
) -> None:
    """Write events as JSON lines, newest first, with all that is kept of each."""
    from dynamic_api.services import audit_log

    wanted = audit_log.Filter(
        event=event, actor=actor, target=target, since=_milliseconds(since), until=_milliseconds(until)
    )

    def work(db: Connection) -> None:
        for line in audit_log.exported(db, wanted):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()

    observe(work)


@audit.command()
@as_json
def adoption(as_json: bool) -> None:
    """Show how many people and bots took each asset, and used it, in the last 30 days."""
    from dynamic_api import clock
    from dynamic_api.services import asset_adoption

    rows = observe(lambda db: asset_adoption.numbers(db, clock.now()))
    show_rows(rows, as_json, ("asset", "downloads", "takers", "uses", "users"), "nothing was taken yet")


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)
