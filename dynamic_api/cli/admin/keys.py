"""`skillpress admin key`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import Struct

from dynamic_api.cli.admin.base import MOST, as_json, show, show_rows, transact
from dynamic_api.clock import DAY
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KINDS, KeyOptions, NewKey

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.settings import Settings

_COLUMNS = ("name", "kind", "prefix", "enabled", "created_at", "expires_at", "id")


class _Changed(Struct, frozen=True):
    """What was done to a key."""

    id: str
    status: str


@click.group()
def key() -> None:
    """API keys."""


@key.command()
@click.argument("email")
@click.option("--name", default="main", show_default=True, help="Its name among the account's keys.")
@click.option("--kind", default=KINDS[0], show_default=True, type=click.Choice(KINDS), help="What it may do.")
@click.option("--expires-days", type=click.IntRange(1, 3650), help="Days until it ends; default: never.")
@click.option("--per-minute", type=click.IntRange(0, MOST), help="Calls a minute; 0: without limit.")
@click.option(
    "--monthly-runs", default=0, show_default=True, type=click.IntRange(0, MOST), help="Runs a month; 0: any."
)
@as_json
def create(
    email: str,
    name: str,
    kind: str,
    expires_days: int | None,
    per_minute: int | None,
    monthly_runs: int,
    as_json: bool,
) -> None:
    """Make a key of the account EMAIL; it is shown once."""

    def work(db: Connection, _settings: Settings, now: int) -> NewKey:
        options = KeyOptions(
            kind=kind,
            rate_limit_per_minute=per_minute,
            monthly_execution_quota=monthly_runs,
            expires_at=None if expires_days is None else now + expires_days * DAY,
        )
        return keys.issue(db, accounts.find(db, email), name, options, now=now)

    made = transact(work)
    show(made, as_json, made.secret)


@key.command("list")
@click.argument("email")
@as_json
def list_(email: str, as_json: bool) -> None:
    """List the keys of the account EMAIL."""
    rows = transact(lambda db, _settings, _now: keys.of_owner(db, accounts.find(db, email).id))
    show_rows(rows, as_json, _COLUMNS, f"no keys yet: skillpress admin key create {email}")


@key.command()
@click.argument("key_id")
@as_json
def revoke(key_id: str, as_json: bool) -> None:
    """End the key KEY_ID for good."""
    transact(lambda db, _settings, now: keys.revoke(db, key_id, now=now))
    show(_Changed(key_id, "revoked"), as_json, f"{key_id}: revoked")


@key.command()
@click.argument("key_id")
@as_json
def disable(key_id: str, as_json: bool) -> None:
    """Stop the key KEY_ID for now."""
    transact(lambda db, _settings, now: keys.enable(db, key_id, False, now=now))
    show(_Changed(key_id, "disabled"), as_json, f"{key_id}: disabled")


@key.command()
@click.argument("key_id")
@as_json
def enable(key_id: str, as_json: bool) -> None:
    """Let the key KEY_ID work again."""
    transact(lambda db, _settings, now: keys.enable(db, key_id, True, now=now))
    show(_Changed(key_id, "enabled"), as_json, f"{key_id}: enabled")
