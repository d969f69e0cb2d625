"""`skillpress admin credentials`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from dynamic_api.cli.admin.base import as_json, place, show, transact
from dynamic_api.services import rotation
from registry_builder.core.errors import Unfit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.sealing import Keyring
    from dynamic_api.services.rotation import Rotated
    from dynamic_api.settings import Settings


class _Done(Struct, frozen=True):
    """What a rotation came to. `unreadable` are the places of what no key opens."""

    resealed: int
    unreadable: tuple[str, ...]


@click.group("credentials")
def credentials_group() -> None:
    """What is kept sealed: credentials of accounts, and the secrets of webhooks."""


@credentials_group.command()
@as_json
def rotate(as_json: bool) -> None:
    """Seal everything anew with the first key; exit code 1 when something does not open.

    Put a new secret in front of credentials.keys first, and restart the API.
    """
    keys, place = _keyring(), ""
    resealed, unreadable = 0, list[str]()
    while True:
        done = transact(partial(_batch, keys, place))
        resealed += done.resealed
        unreadable += done.unreadable
        place = done.last
        if not place:
            break
    show(_Done(resealed, tuple(unreadable)), as_json, f"sealed anew: {resealed}")
    if unreadable:
        mend = "give the key back under credentials.keys, or have them stored anew"
        message = f"no key opens {len(unreadable)}: {', '.join(unreadable[:10])}"
        raise Unfit("sealed-by-another", message, place="credentials.keys", mend=mend)


def _batch(keys: Keyring, after: str, db: Connection, _settings: Settings, now: int) -> Rotated:
    return rotation.rotate(db, keys, now=now, after=after)


def _keyring() -> Keyring:
    from dynamic_api.sealing import keyring
    from dynamic_api.server.data_folder import SECRET_FILE, found_folder
    from dynamic_api.settings import load

    settings = load(place().settings_file)
    given = settings.data.secret
    folder = found_folder(place().data, None if given else SECRET_FILE)
    return keyring(settings.credentials.keys, folder.secret(given))
