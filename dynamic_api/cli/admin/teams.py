"""`skillpress admin team`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from dynamic_api.cli.admin.base import as_json, show, show_rows, transact
from dynamic_api.services import access, accounts, teams

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.settings import Settings

_COLUMNS = ("name", "members", "skills", "id")
_MEMBERS = ("email", "role", "invited_at", "accepted_at")
_role = click.option("--role", default="member", show_default=True, help="owner, admin or member.")


@click.group()
def team() -> None:
    """Teams, their members and their library."""


@team.command()
@click.argument("name")
@click.argument("owner")
@as_json
def create(name: str, owner: str, as_json: bool) -> None:
    """Make the team NAME, owned by the account OWNER (email)."""
    made = transact(lambda db, _settings, now: teams.create(db, name, accounts.find(db, owner), now=now))
    show(made, as_json, f"{made.name}: owned by {owner}")


@team.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the teams."""
    rows = transact(lambda db, _settings, _now: teams.everyone(db))
    show_rows(rows, as_json, _COLUMNS, "no teams yet: skillpress admin team create NAME OWNER")


@team.command()
@click.argument("name")
@as_json
def members(name: str, as_json: bool) -> None:
    """List who is in the team NAME; pending invitations have no accepted_at."""
    rows = transact(lambda db, _settings, _now: teams.members(db, teams.find(db, name)))
    show_rows(rows, as_json, _MEMBERS, "no members")


@team.command()
@click.argument("name")
@click.argument("email")
@_role
@as_json
def invite(name: str, email: str, role: str, as_json: bool) -> None:
    """Invite the account EMAIL into the team NAME."""

    _change_members(name, email, partial(teams.invite, role=role), as_json)


@team.command()
@click.argument("name")
@click.argument("email")
@as_json
def accept(name: str, email: str, as_json: bool) -> None:
    """Accept the invitation of EMAIL in their name."""

    _change_members(name, email, teams.accept, as_json)


@team.command("set-role")
@click.argument("name")
@click.argument("email")
@_role
@as_json
def set_role(name: str, email: str, role: str, as_json: bool) -> None:
    """Give the member EMAIL another role."""

    _change_members(name, email, partial(teams.set_role, role=role), as_json)


@team.command("remove-member")
@click.argument("name")
@click.argument("email")
@as_json
def remove_member(name: str, email: str, as_json: bool) -> None:
    """Take EMAIL out of the team NAME."""

    _change_members(name, email, teams.remove_member, as_json)


def _change_members(name: str, email: str, change: Callable[..., None], as_json: bool) -> None:
    def work(db: Connection, _settings: Settings, now: int) -> list[teams.Member]:
        found = teams.find(db, name)
        change(db, found, accounts.find(db, email), now=now)
        return teams.members(db, found)

    show_rows(transact(work), as_json, _MEMBERS, "no members")


@team.command()
@click.argument("name")
@as_json
def delete(name: str, as_json: bool) -> None:
    """Delete the team NAME; drives stay as they are."""

    def work(db: Connection, _settings: Settings, now: int) -> teams.Team:
        found = teams.find(db, name)
        teams.remove(db, found, now=now)
        return found

    gone = transact(work)
    show(gone, as_json, f"{gone.name}: deleted")


@team.command("add-skill")
@click.argument("name")
@click.argument("email")
@click.argument("slug")
@as_json
def add_skill(name: str, email: str, slug: str, as_json: bool) -> None:
    """Put SLUG, as the account EMAIL sees it, into the library of the team NAME."""

    def work(db: Connection, _settings: Settings, now: int) -> teams.Team:
        found, user = teams.find(db, name), accounts.find(db, email)
        teams.add_skill(db, found, access.held_skill(db, user, slug), user, now=now)
        return teams.find(db, name)

    changed = transact(work)
    show(changed, as_json, f"{changed.name}: {changed.skills} skills")


@team.command("remove-skill")
@click.argument("name")
@click.argument("slug")
@as_json
def remove_skill(name: str, slug: str, as_json: bool) -> None:
    """Take SLUG out of the library of the team NAME."""

    def work(db: Connection, _settings: Settings, now: int) -> teams.Team:
        teams.remove_skill(db, teams.find(db, name), slug, now=now)
        return teams.find(db, name)

    changed = transact(work)
    show(changed, as_json, f"{changed.name}: {changed.skills} skills")
