"""Bots: callers without a person, for CI and agents; each with keys of its own and a place in teams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import active_profiles, asset_installs, bot_keys, bot_teams, bots, teams
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Conflict, Forbidden, Invalid
from dynamic_api.ids import SHOWN, digest, new_id, new_secret
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.keys import NewKey
from dynamic_api.sx.identity import slug_of
from dynamic_api.sx.values import BOT

SECRET = "sk_bot_"  # noqa: S105 - how a secret begins
LONGEST_RUNTIME = 30 * 24 * 3600
RUNTIME = 3600
"""Seconds that a runtime token lives unless told otherwise, and at the most."""
MOST_KEYS = 100


class Bot(Struct, frozen=True, kw_only=True):
    """A bot; `teams` are (id, name)."""

    id: str
    slug: str
    name: str
    description: str
    created_by: str
    teams: tuple[tuple[str, str], ...] = ()


class BotKey(Struct, frozen=True):
    """A key, without its secret."""

    id: str
    label: str
    prefix: str
    created_at: int
    expires_at: int | None


def everyone(db: Connection, slugs: Sequence[str] | None = None) -> list[Bot]:
    """All bots by name, or those with these slugs; two queries."""
    query = select(bots).order_by(bots.c.name, bots.c.id)
    rows = db.execute(query if slugs is None else query.where(bots.c.slug.in_(list(slugs)))).fetchall()
    member = bot_teams.join(teams, teams.c.id == bot_teams.c.team_id)
    named: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    ids = [row.id for row in rows]
    found = select(bot_teams.c.bot_id, teams.c.id, teams.c.name).select_from(member)
    for bot_id, team_id, name in db.execute(found.where(bot_teams.c.bot_id.in_(ids)).order_by(teams.c.name)):
        named[bot_id].append((team_id, name))
    return [
        Bot(
            id=row.id,
            slug=row.slug,
            name=row.name,
            description=row.description,
            created_by=row.created_by,
            teams=tuple(named[row.id]),
        )
        for row in rows
    ]


def find(db: Connection, which: str) -> Bot:
    """The bot with this id, slug or name. Raises Absent."""
    named = (bots.c.id == which) | (bots.c.slug == which) | (bots.c.name == which)
    slug = db.execute(select(bots.c.slug).where(named).order_by(bots.c.id != which).limit(1)).scalar()
    if slug is None:
        raise Absent("bot_not_found", f"there is no bot {which[:64]!r}", place="id", mend="sx bot list")
    return everyone(db, [slug])[0]


def create(
    db: Connection,
    name: str,
    description: str,
    team_ids: Sequence[str],
    *,
    now: int,
    by: Caller | None = None,
    trace: Trace | None = None,
) -> tuple[Bot, NewKey]:
    """A new bot with its first key. Raises Invalid, Conflict, Absent."""
    slug, bot_id = _fit(name), new_id()
    _insert(db, bot_id, slug, name.strip(), description, by.user_id if by else "", now)
    _join(db, bot_id, team_ids)
    audit.record(
        db, "BOT_CREATED", "bot", now=now, caller=by, trace=trace, target_id=bot_id, target_name=slug
    )
    made = find(db, bot_id)
    return made, add_key(db, made, "default", now=now, by=by, trace=trace)


def _insert(
    db: Connection, bot_id: str, slug: str, name: str, description: str, created_by: str, now: int
) -> None:
    row = {"id": bot_id, "slug": slug, "name": name, "description": description}
    try:
        with db.begin_nested():
            db.execute(insert(bots), {**row, "created_by": created_by, "created_at": now})
    except IntegrityError as error:
        raise Conflict("name_taken", f"there is a bot {slug}", place="name") from error


def change(
    db: Connection,
    bot: Bot,
    *,
    now: int,
    name: str | None = None,
    description: str | None = None,
    team_ids: Sequence[str] | None = None,
    by: Caller | None = None,
    trace: Trace | None = None,
) -> Bot:
    """Set what is given; the slug stays. Raises Invalid, Absent."""
    values: dict[str, str] = {}
    if name is not None and name.strip():
        _fit(name)
        values["name"] = name.strip()
    if description is not None:
        values["description"] = description
    if values:
        db.execute(update(bots).where(bots.c.id == bot.id).values(values))
    if team_ids is not None:
        db.execute(delete(bot_teams).where(bot_teams.c.bot_id == bot.id))
        _join(db, bot.id, team_ids)
    audit.record(
        db, "BOT_CHANGED", "bot", now=now, caller=by, trace=trace, target_id=bot.id, target_name=bot.slug
    )
    return find(db, bot.id)


def remove(
    db: Connection, bot: Bot, *, now: int, by: Caller | None = None, trace: Trace | None = None
) -> None:
    """Delete a bot: its keys stop at once, its installs go with it."""
    install = asset_installs.c
    db.execute(delete(asset_installs).where(install.entity_type == BOT, install.entity_id == bot.id))
    db.execute(delete(active_profiles).where(active_profiles.c.holder_id == bot.id))
    db.execute(delete(bots).where(bots.c.id == bot.id))
    audit.record(
        db, "BOT_DELETED", "bot", now=now, caller=by, trace=trace, target_id=bot.id, target_name=bot.slug
    )


def add_key(
    db: Connection,
    bot: Bot,
    label: str,
    *,
    now: int,
    ttl_seconds: int | None = None,
    runtime: bool = False,
    by: Caller | None = None,
    trace: Trace | None = None,
) -> NewKey:
    """A key, shown this once; a `runtime` one ends by itself. Raises Invalid, Conflict."""
    label = _label(label.strip() or ("runtime" if runtime else "key"))
    if len(keys(db, [bot.id], runtime=None).get(bot.id, [])) >= MOST_KEYS:
        raise Conflict("too_many_keys", f"a bot has at most {MOST_KEYS} keys", place="label")
    seconds = _seconds(ttl_seconds, runtime)
    key_id, secret = new_id(), new_secret(SECRET)
    row = {
        "id": key_id,
        "bot_id": bot.id,
        "label": label,
        "sha256": digest(secret),
        "prefix": secret[:SHOWN],
        "runtime": runtime,
        "created_at": now,
        "expires_at": None if seconds is None else now + seconds * 1000,
    }
    db.execute(insert(bot_keys), row)
    _note(db, "BOT_KEY_CREATED", bot, now, by, trace, {"label": label, "prefix": row["prefix"]})
    return NewKey(key_id, secret)


def _seconds(ttl_seconds: int | None, runtime: bool) -> int | None:
    seconds = min(ttl_seconds or RUNTIME, LONGEST_RUNTIME) if runtime else ttl_seconds
    if seconds is not None and seconds <= 0:
        raise Invalid("validation_error", "has to be above 0", place="ttlSeconds")
    return seconds


def _label(label: str) -> str:
    if len(label) > 200 or not label.isprintable():
        raise Invalid("validation_error", "the label has to have 1 to 200 characters", place="label")
    return label


def keys(db: Connection, bot_ids: Sequence[str], *, runtime: bool | None = False) -> dict[str, list[BotKey]]:
    """Bot → its keys, oldest first; those that end by themselves are not shown unless asked for."""
    query = select(bot_keys).where(bot_keys.c.bot_id.in_(list(bot_ids)))
    if runtime is not None:
        query = query.where(bot_keys.c.runtime == runtime)
    found: defaultdict[str, list[BotKey]] = defaultdict(list)
    for row in db.execute(query.order_by(bot_keys.c.created_at, bot_keys.c.id)):
        found[row.bot_id].append(BotKey(row.id, row.label, row.prefix, row.created_at, row.expires_at))
    return found


def holder(db: Connection, key_id: str) -> Bot:
    """The bot of a key. Raises Absent."""
    bot_id = db.execute(select(bot_keys.c.bot_id).where(bot_keys.c.id == key_id)).scalar()
    if bot_id is None:
        raise Absent("key_not_found", "there is no such key", place="keyId")
    return find(db, bot_id)


def remove_key(
    db: Connection, bot: Bot, key_id: str, *, now: int, by: Caller | None = None, trace: Trace | None = None
) -> None:
    """End a key at once."""
    db.execute(delete(bot_keys).where(bot_keys.c.id == key_id, bot_keys.c.bot_id == bot.id))
    _note(db, "BOT_KEY_REVOKED", bot, now, by, trace, {"key": key_id})


def revoke_runtime(
    db: Connection, bot: Bot, *, now: int, by: Caller | None = None, trace: Trace | None = None
) -> int:
    """End every token of a bot that would end by itself; how many there were."""
    held = (bot_keys.c.bot_id == bot.id, bot_keys.c.runtime, bot_keys.c.expires_at > now)
    count = int(db.execute(delete(bot_keys).where(*held)).rowcount)
    if count:
        _note(db, "BOT_KEY_REVOKED", bot, now, by, trace, {"runtime": count})
    return count


def require_may(caller: Caller, bot: Bot) -> None:
    """Raise Forbidden unless the caller made the bot, or belongs to the staff."""
    if not caller.is_staff and bot.created_by != caller.user_id:
        raise Forbidden(
            "permission_denied",
            f"PERMISSION_DENIED: only who made the bot {bot.name} may change it",
            mend="ask an administrator",
        )


def _fit(name: str) -> str:
    slug = slug_of(name)
    if not slug or len(name) > 200 or not name.isprintable():
        raise Invalid("validation_error", "the name needs letters or digits", place="name")
    return slug


def _join(db: Connection, bot_id: str, team_ids: Sequence[str]) -> None:
    wanted = list(dict.fromkeys(team_ids))
    known = set(db.execute(select(teams.c.id).where(teams.c.id.in_(wanted))).scalars())
    if missing := [each for each in wanted if each not in known]:
        raise Absent("team_not_found", f"there is no team {missing[0][:64]!r}", place="teamIds")
    insert_absent(db, bot_teams, [{"bot_id": bot_id, "team_id": each} for each in wanted])


def _note(
    db: Connection,
    event: str,
    bot: Bot,
    now: int,
    by: Caller | None,
    trace: Trace | None,
    data: dict[str, Any],
) -> None:
    audit.record(
        db,
        event,
        "bot",
        now=now,
        caller=by,
        trace=trace,
        target_id=bot.id,
        target_name=bot.slug,
        data=data,
    )
