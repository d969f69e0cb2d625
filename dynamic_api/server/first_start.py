"""The first start of an empty database: an administrator, whose key is left in the data directory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, exists, select

from dynamic_api.database.tables import users
from dynamic_api.ids import KEY_PREFIX, new_secret
from dynamic_api.server.data_folder import ADMIN_KEY, DataFolder, write_private
from dynamic_api.services import accounts, keys
from dynamic_api.services.caller import ADMIN
from dynamic_api.settings import Credits

EMAIL = "admin@localhost"


def greet(db: Connection, folder: DataFolder, prices: Credits, now: int) -> str | None:
    """The first administrator's key, made when there is no account at all; None at every later start.

    The key is written before the account is committed: killed in between, the next start goes on with it.
    """
    if db.execute(select(exists(select(users.c.id)))).scalar_one():
        return None
    path = folder.path / ADMIN_KEY
    secret = _kept(path)
    admin = accounts.create(db, EMAIL, prices, now=now, name="Administrator", role=ADMIN)
    keys.create(db, admin.id, "admin", keys.KeyOptions(), now=now, secret=secret)
    return secret


def _kept(path: Path) -> str:
    with suppress(FileExistsError):
        write_private(path, new_secret(KEY_PREFIX) + "\n")
    return path.read_text(encoding="ascii").strip()
