"""`skillpress admin repository`, `install` and `profile`: what sx gets, arranged by an operator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dynamic_api.cli.admin.base import Place, as_json, show, show_rows, transact
from dynamic_api.errors import Absent
from dynamic_api.services import accounts, bots, installs, operator, profiles, repositories, teams
from dynamic_api.services.caller import Trace
from dynamic_api.services.installs import EVERYBODY, Target

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.settings import Settings


@click.group()
def repository() -> None:
    """Git repositories that assets are installed for."""


@repository.command()
@click.argument("url")
@as_json
def add(url: str, as_json: bool) -> None:
    """Note the repository at URL, in any form that Git takes."""
    kept = transact(lambda db, _settings, now: repositories.known(db, url, now))
    show(kept, as_json, f"{kept.owner}/{kept.name}: {kept.id}")


@repository.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the repositories."""
    found = transact(lambda db, _settings, _now: repositories.page(db, "", 10_000))
    rows = [one for _, one in found]
    show_rows(rows, as_json, ("owner", "name", "url", "id"), "no repositories yet")


@click.command()
@click.argument("slug")
@click.option("--org", is_flag=True, help="For everybody.")
@click.option("--user", help="For an account, by its email.")
@click.option("--team", help="For a team.")
@click.option("--bot", help="For a bot.")
@click.option("--repo", help="For a repository, by its URL.")
@click.option("--owner", help="Whose private asset SLUG is, by their email; default: of everybody.")
@click.option("--remove", is_flag=True, help="Take it away instead.")
@as_json
def install(
    slug: str,
    org: bool,
    user: str | None,
    team: str | None,
    bot: str | None,
    repo: str | None,
    owner: str | None,
    remove: bool,
    as_json: bool,
) -> None:
    """Install the asset SLUG for somebody, private or published; it is in their next lock."""

    known = operator.published(_view())

    def work(db: Connection, _settings: Settings, now: int) -> int:
        whose = accounts.find(db, owner) if owner else None
        thing = operator.asset(db, known, slug, now, whose)
        wanted = _targets(db, org, user, team, bot, repo, now)
        change = installs.remove if remove else installs.add
        return change(db, operator.OPERATOR, Trace(), thing, wanted, now)

    count = transact(work)
    show({"asset": slug, "changed": count}, as_json, f"{slug}: {count} changed")


def _targets(
    db: Connection,
    org: bool,
    user: str | None,
    team: str | None,
    bot: str | None,
    repo: str | None,
    now: int,
) -> list[Target]:
    wanted = [EVERYBODY] if org else []
    if user:
        wanted.append(Target("USER", accounts.find(db, user).id))
    if team:
        wanted.append(Target("TEAM", teams.find(db, team).id))
    if bot:
        wanted.append(Target("BOT", bots.find(db, bot).id))
    if repo:
        wanted.append(Target("REPOSITORY", repositories.known(db, repo, now).id))
    if not wanted:
        raise Absent("no-target", "for whom?", mend="give --org, --user, --team, --bot or --repo")
    return wanted


def _view() -> Path:
    from dynamic_api.server.data_folder import CATALOGUE

    place = click.get_current_context().find_object(Place)
    if place is None:
        raise AssertionError("the group keeps the place")
    return place.data / CATALOGUE


@click.group()
def profile() -> None:
    """Profiles (roles of sx): named parts of what is installed."""


@profile.command()
@click.argument("title")
@click.option("--description", default="", help="What it is for.")
@click.option("--asset", "slugs", multiple=True, help="An asset in it; may be repeated.")
@as_json
def create(title: str, description: str, slugs: tuple[str, ...], as_json: bool) -> None:
    """Make a profile; people choose it with `sx role set`."""

    known = operator.published(_view())

    def work(db: Connection, _settings: Settings, now: int) -> profiles.Profile:
        ids = [operator.asset(db, known, slug, now).id for slug in slugs]
        return profiles.create(db, title, description, ids, now)

    made = transact(work)
    show(made, as_json, f"{made.slug}: sx role set {made.slug}")


@profile.command()
@click.argument("slug")
@click.option("--add", "added", multiple=True, help="An asset to put in; may be repeated.")
@click.option("--remove", "removed", multiple=True, help="An asset to take out; may be repeated.")
@as_json
def change(slug: str, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool) -> None:
    """Put assets into the profile SLUG, and take others out."""

    known = operator.published(_view())

    def work(db: Connection, _settings: Settings, now: int) -> profiles.Profile:
        more = [operator.asset(db, known, each, now).id for each in added]
        less = [operator.asset(db, known, each, now).id for each in removed]
        return profiles.change(db, slug, more, less, now)

    changed = transact(work)
    show(changed, as_json, f"{changed.slug}: changed")


@profile.command()
@click.argument("slug")
@as_json
def delete(slug: str, as_json: bool) -> None:
    """Delete the profile SLUG; whoever had chosen it gets everything again."""
    transact(lambda db, _settings, now: profiles.remove(db, slug, now))
    show({"profile": slug, "status": "deleted"}, as_json, f"{slug}: deleted")
