"""What a process remembers of a caller: until the key or its owner changes, not until anything does."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from dynamic_api.database.migrations.versions import __name__ as versions
from dynamic_api.database.tables import api_keys, bot_keys, bots, collection_skills, skills, users
from dynamic_api.services import access
from tests.api.world import Person, World

CHANGES = {
    "key revoked": update(api_keys).values(revoked_at=1),
    "key disabled": update(api_keys).values(enabled=False),
    "key with another limit": update(api_keys).values(rate_limit_per_minute=7),
    "key gone": delete(api_keys),
    "account disabled": update(users).values(disabled_at=1),
    "account with another role": update(users).values(role="admin"),
    "account gone": delete(users),
    "bot renamed": update(bots).values(slug="other"),
    "bot gone": delete(bots),
    "bot's key revoked": delete(bot_keys),
    "collection changed": delete(collection_skills),
}


class UndoneError(Exception):
    """Ends a transaction that nobody is to see."""


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_a_caller_raises_the_serial(api: World, person: Person, change: str) -> None:
    raised: list[int] = []

    def work(db: Connection) -> None:
        _fill(db, person)
        before = access.stamp(db)
        db.execute(CHANGES[change])
        raised.append(access.stamp(db) - before)
        raise UndoneError

    with pytest.raises(UndoneError):
        api.write(work)
    assert raised[-1] > 0


def _fill(db: Connection, person: Person) -> None:
    """A bot with a key, and a collection of the person's key with one skill."""
    bot, skill = "b" * 32, "s" * 32
    db.execute(insert(bots), {"id": bot, "slug": "b-1", "name": "b", "created_by": "x", "created_at": 1})
    key = {"id": bot, "bot_id": bot, "label": "l", "sha256": "0" * 64, "prefix": "p", "created_at": 1}
    db.execute(insert(bot_keys), key)
    held = {"namespace": "organisation", "slug": "s-1", "name": "s", "category": "private", "created_at": 1}
    db.execute(insert(skills), {"id": skill, **held})
    mine = select(api_keys.c.id).where(api_keys.c.owner_id == person.id)
    key_id = db.execute(mine).scalars().first()
    db.execute(insert(collection_skills), {"key_id": key_id, "skill_id": skill, "added_at": 1})


def test_what_callers_do_does_not(api: World, person: Person) -> None:
    """Balances and counters change with every use, and are in the same tables."""

    def work(db: Connection) -> int:
        before = access.stamp(db)
        db.execute(update(users).where(users.c.id == person.id).values(balance=users.c.balance))
        return access.stamp(db) - before

    assert api.write(work) == 0


def test_every_column_that_makes_a_caller_is_watched() -> None:
    from importlib import import_module

    watched = dict(import_module(f"{versions}.0002_assets_for_sx")._KNOWN_CALLERS[::-1])
    selected = access._CALLER.selected_columns
    for table in (api_keys, users):
        update_of = watched[table.name].removeprefix("UPDATE OF ").split(", ")
        used = {column.name for each in selected for column in each.base_columns if column.table is table}
        assert used - {"id"} <= {name.strip() for part in update_of for name in part.split(",")}
