"""`skillpress admin user`."""

from __future__ import annotations

import click

from dynamic_api.cli.admin.base import as_json, show, show_rows, transact
from dynamic_api.cli.admin.identities import bind, identities, unbind
from dynamic_api.services import accounts

_COLUMNS = ("email", "role", "tier", "balance", "enabled", "id")


@click.group()
def user() -> None:
    """Accounts."""


@user.command()
@click.argument("email")
@click.option("--name", default="", help="Shown name; default: what stands before the @.")
@click.option("--role", default="user", show_default=True, help="user, moderator or admin.")
@click.option("--tier", help="A tier of the settings; default: credits.default_tier.")
@as_json
def create(email: str, name: str, role: str, tier: str | None, as_json: bool) -> None:
    """Make an account with the initial grant."""
    made = transact(
        lambda db, settings, now: accounts.create(
            db, email, settings.credits, now=now, name=name, role=role, tier=tier
        )
    )
    show(made, as_json, f"{made.email}: {made.balance} credits, tier {made.tier}")


@user.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the accounts."""
    rows = transact(lambda db, _settings, _now: accounts.everyone(db))
    show_rows(rows, as_json, _COLUMNS, "no accounts yet: skillpress admin user create EMAIL")


@user.command("show")
@click.argument("who")
@as_json
def show_(who: str, as_json: bool) -> None:
    """Show the account WHO (email or id)."""
    show_rows([transact(lambda db, _settings, _now: accounts.find(db, who))], as_json, _COLUMNS, "")


@user.command("set")
@click.argument("who")
@click.option("--role", help="user, moderator or admin.")
@click.option("--tier", help="A tier of the settings.")
@as_json
def set_(who: str, role: str | None, tier: str | None, as_json: bool) -> None:
    """Change role or tier of WHO (email or id)."""
    changed = transact(
        lambda db, settings, now: accounts.change(db, who, settings.credits, now=now, role=role, tier=tier)
    )
    show(changed, as_json, f"{changed.email}: role {changed.role}, tier {changed.tier}")


@user.command()
@click.argument("who")
@as_json
def disable(who: str, as_json: bool) -> None:
    """Shut WHO (email or id) out: all keys of the account stop at once."""
    _enable(who, False, as_json)


@user.command()
@click.argument("who")
@as_json
def enable(who: str, as_json: bool) -> None:
    """Let WHO (email or id) in again."""
    _enable(who, True, as_json)


def _enable(who: str, enabled: bool, as_json: bool) -> None:
    changed = transact(
        lambda db, settings, now: accounts.change(db, who, settings.credits, now=now, enabled=enabled)
    )
    show(changed, as_json, f"{changed.email}: {'enabled' if changed.enabled else 'disabled'}")


for command in (bind, unbind, identities):
    user.add_command(command)
