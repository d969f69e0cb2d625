"""`skillpress admin user bind`, `unbind` and `identities`: who is who at a provider of OpenID Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dynamic_api.cli.admin.base import as_json, show_rows, transact
from dynamic_api.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.services.identities import Identity
    from dynamic_api.services.keys import Key
    from dynamic_api.settings import Settings

_COLUMNS = ("subject", "issuer", "email", "created_at", "last_used_at")
_ISSUER = click.option("--issuer", help="The provider; default: oidc.issuer of the settings.")


@click.command()
@click.argument("who")
@click.argument("subject")
@_ISSUER
@as_json
def bind(who: str, subject: str, issuer: str | None, as_json: bool) -> None:
    """Let SUBJECT, as the provider calls somebody (`sub`), open the account WHO (email or id)."""
    from dynamic_api.services import accounts
    from dynamic_api.services import identities as service

    def work(db: Connection, settings: Settings, now: int) -> list[Identity]:
        account = accounts.find(db, who)
        service.bind(db, account.id, _issuer(issuer, settings), subject, now=now)
        return service.of_account(db, account.id)

    show_rows(transact(work), as_json, _COLUMNS, "")


@click.command()
@click.argument("who")
@click.argument("subject", required=False)
@_ISSUER
@click.option("--keep-keys", is_flag=True, help="Leave the keys of devices that it let in.")
@as_json
def unbind(who: str, subject: str | None, issuer: str | None, keep_keys: bool, as_json: bool) -> None:
    """Take SUBJECT, or all that the provider calls WHO, from the account.

    Sessions end at once, and so do the keys of devices that were let in by them.
    """
    from dynamic_api.services import accounts
    from dynamic_api.services import identities as service

    def work(db: Connection, settings: Settings, now: int) -> tuple[list[Identity], list[Key]]:
        account = accounts.find(db, who)
        issued_by = _issuer(issuer, settings)
        ended = service.unbind(db, account.id, issued_by, subject, now, keep_keys=keep_keys)
        return service.of_account(db, account.id), ended

    left, ended = transact(work)
    show_rows(left, as_json, _COLUMNS, "nothing is bound to this account now")
    for key in ended:
        click.echo(f"revoked: {key.prefix} {key.name}", err=True)


@click.command()
@click.argument("who")
@as_json
def identities(who: str, as_json: bool) -> None:
    """List what is bound to the account WHO (email or id)."""
    from dynamic_api.services import accounts
    from dynamic_api.services import identities as service

    rows = transact(lambda db, _settings, _now: service.of_account(db, accounts.find(db, who).id))
    show_rows(rows, as_json, _COLUMNS, f"nothing is bound yet: skillpress admin user bind {who} SUBJECT")


def _issuer(given: str | None, settings: Settings) -> str:
    found = given or settings.oidc.issuer
    if found is None:
        mend = "give --issuer, or --settings with a file that has oidc.issuer"
        raise Invalid("no_issuer", "no provider is named", place="--issuer", mend=mend)
    return found
