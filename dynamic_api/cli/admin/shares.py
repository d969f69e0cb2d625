"""`skillpress admin share`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from dynamic_api.cli.admin.base import as_json, show, show_rows, transact
from dynamic_api.services import access, accounts, shares

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.settings import Settings

_COLUMNS = ("slug", "owner", "recipient", "status", "created_at", "id")


@click.group()
def share() -> None:
    """Skills that one account shares with another."""


@share.command()
@click.argument("slug")
@click.argument("owner")
@click.argument("recipient")
@as_json
def offer(slug: str, owner: str, recipient: str, as_json: bool) -> None:
    """Offer SLUG of the account OWNER to the account RECIPIENT (emails)."""

    def work(db: Connection, _settings: Settings, now: int) -> shares.Share:
        giver = accounts.find(db, owner)
        skill_id = access.held_skill(db, giver, slug)
        return shares.offer(db, skill_id, giver, accounts.find(db, recipient), now=now)

    show_rows([transact(work)], as_json, _COLUMNS, "")


@share.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List all shares, newest first."""
    rows = transact(lambda db, _settings, _now: shares.everything(db))
    show_rows(
        rows, as_json, _COLUMNS, "nothing is shared yet: skillpress admin share offer SLUG OWNER RECIPIENT"
    )


def _answering(name: str, act: Callable[..., shares.Share], text: str) -> None:
    @share.command(name, help=text)
    @click.argument("share_id")
    @as_json
    def answer(share_id: str, as_json: bool) -> None:
        done = transact(lambda db, _settings, now: act(db, share_id, now=now))
        show(done, as_json, f"{done.slug} for {done.recipient}: {done.status}")


_answering("accept", shares.accept, "Accept the offer SHARE_ID in the recipient's name.")
_answering("reject", shares.reject, "Turn the offer SHARE_ID down in the recipient's name.")
_answering("revoke", shares.revoke, "Take back the share SHARE_ID.")
