"""`skillpress admin`: what the API leaves to operators: accounts, teams, keys, credits, shares."""

from __future__ import annotations

import click

from dynamic_api.cli.admin.assets import install, profile, repository
from dynamic_api.cli.admin.base import database_options
from dynamic_api.cli.admin.bots import bot
from dynamic_api.cli.admin.credentials import credentials_group
from dynamic_api.cli.admin.credits import credits_group, grant
from dynamic_api.cli.admin.keys import key
from dynamic_api.cli.admin.shares import share
from dynamic_api.cli.admin.teams import team
from dynamic_api.cli.admin.users import user


@click.group()
@database_options
def admin() -> None:
    """Manage accounts, teams, keys, credits, shares, bots and what sx installs.

    Works on the database directly, while the API runs or not. Every command takes --json.
    """


for command in (
    user,
    team,
    key,
    credits_group,
    grant,
    share,
    credentials_group,
    bot,
    repository,
    install,
    profile,
):
    admin.add_command(command)
