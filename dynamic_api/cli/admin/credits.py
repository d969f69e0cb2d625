"""`skillpress admin credits` and `skillpress admin grant`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import Struct

from dynamic_api.cli.admin.base import MOST, as_json, show, show_rows, transact
from dynamic_api.services import accounts, audit, credits
from dynamic_api.services.credits import Movement

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.settings import Settings

_COLUMNS = ("created_at", "kind", "amount", "balance_after", "slug", "reference", "note")


class _Faults(Struct, frozen=True):
    """Accounts whose balance is not the sum of their entries."""

    accounts: int
    faults: tuple[str, ...]


@click.group("credits")
def credits_group() -> None:
    """The ledger of credits."""


@credits_group.command("show")
@click.argument("email")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Newest transactions."
)
@as_json
def show_(email: str, limit: int, as_json: bool) -> None:
    """Show the newest transactions of the account EMAIL."""
    rows = transact(lambda db, _settings, _now: credits.newest(db, accounts.find(db, email).id, limit))
    show_rows(rows, as_json, _COLUMNS, "no transactions yet")


@credits_group.command()
@as_json
def verify(as_json: bool) -> None:
    """Check that every balance is the sum of its entries; exit code 1 when one is not."""
    count, faults = transact(lambda db, _settings, _now: credits.verify(db))
    text = "\n".join(faults) or f"{count} accounts: every balance is the sum of its entries"
    show(_Faults(count, tuple(faults)), as_json, text)
    if faults:
        raise SystemExit(1)


@click.command()
@click.argument("email")
@click.argument("amount", type=click.IntRange(1, MOST))
@click.option("--note", default="", help="Why, for the ledger.")
@as_json
def grant(email: str, amount: int, note: str, as_json: bool) -> None:
    """Give AMOUNT credits to the account EMAIL."""

    def work(db: Connection, _settings: Settings, now: int) -> Movement:
        user = accounts.find(db, email)
        audit.record(
            db,
            "CREDITS_GRANTED",
            "user",
            now=now,
            target_id=user.id,
            target_name=user.email,
            data={"amount": amount, "note": note},
        )
        return credits.credit(db, user.id, amount, "grant", now=now, note=note)

    moved = transact(work)
    show(moved, as_json, f"{email}: {moved.before} → {moved.after} credits")
