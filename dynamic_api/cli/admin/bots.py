"""`skillpress admin bot`."""

from __future__ import annotations

import click

from dynamic_api.cli.admin.base import as_json, show, show_rows, transact
from dynamic_api.services import bots, teams

_COLUMNS = ("slug", "name", "description", "id")


@click.group()
def bot() -> None:
    """Bots: callers of sx without a person."""


@bot.command()
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@click.option("--team", "names", multiple=True, help="A team that it belongs to; may be repeated.")
@as_json
def create(name: str, description: str, names: tuple[str, ...], as_json: bool) -> None:
    """Make a bot; its first key is shown once, for SX_BOT_KEY."""
    _, key = transact(
        lambda db, _settings, now: bots.create(
            db, name, description, [teams.find(db, each).id for each in names], now=now
        )
    )
    show(key, as_json, key.secret)


@bot.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the bots."""
    rows = transact(lambda db, _settings, _now: bots.everyone(db))
    show_rows(rows, as_json, _COLUMNS, "no bots yet: skillpress admin bot create NAME")


@bot.command()
@click.argument("name")
@click.option("--label", default="key", show_default=True, help="What the key is called.")
@as_json
def key(name: str, label: str, as_json: bool) -> None:
    """Make another key of the bot NAME; it is shown once."""
    made = transact(lambda db, _settings, now: bots.add_key(db, bots.find(db, name), label, now=now))
    show(made, as_json, made.secret)


@bot.command()
@click.argument("name")
@as_json
def delete(name: str, as_json: bool) -> None:
    """Delete the bot NAME: its keys stop at once."""
    transact(lambda db, _settings, now: bots.remove(db, bots.find(db, name), now=now))
    show({"bot": name, "status": "deleted"}, as_json, f"{name}: deleted")
