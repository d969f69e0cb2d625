"""Bundles made on request, and the public bytes of a digest (contracts/skillzdrive.md rows 25 and 26)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, select

from dynamic_api.catalogue import Skill
from dynamic_api.clock import written
from dynamic_api.database.tables import skill_versions
from dynamic_api.errors import Absent, Forbidden, Invalid
from dynamic_api.private_store import Part
from dynamic_api.services import audit, bundle_rows, visibility
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.published import Published, download_of, taken_back
from dynamic_api.services.visibility import Seen

Scope = Literal["drive", "collection", "skill"]
PREMIUM = "premium"
_Read = Callable[[str, str, bool], bytes]
"""The bytes of slug, sha256, and whether they are published."""


class Wanted(Struct, frozen=True):
    """What is to be bundled."""

    scope: Scope
    collection: str | None
    slug: str | None


class Item(Struct, frozen=True):
    """One skill of a bundle, at the version that the caller has."""

    slug: str
    sha256: str
    size: int
    files: int
    published: bool


class LeftOut(Struct, frozen=True):
    """A skill that is not in the bundle, and why."""

    slug: str
    reason: str


class Choice(Struct, frozen=True):
    """What goes into a bundle, and what does not."""

    filename: str
    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...]


class Download(Struct, frozen=True):
    """A bundle to be fetched: `url` needs no key until `expires_at`."""

    url: str
    filename: str
    content_sha: str
    content_size: int
    skills: int
    left_out: tuple[LeftOut, ...]
    expires_at: str


def choose(db: Connection, published: Published, caller: Caller, wanted: Wanted) -> Choice:
    """The skills of `wanted`. Raises Invalid, Absent, Forbidden, Withdrawn."""
    if wanted.scope == "skill":
        return _one(db, published, caller, _needed(wanted.slug, "skillSlug", wanted.scope))
    seen = visibility.visible(db, caller)
    name = "drive"
    if wanted.scope == "collection":
        name = _needed(wanted.collection, "collectionName", wanted.scope)
        listed = visibility.listed_in(db, caller, name, place="collectionName")
        seen = seen if listed is None else [item for item in seen if item.skill_id in listed]
    unique = list(visibility.by_slug(seen).values())
    items, left_out = _items(db, published, caller, unique)
    if not items:
        raise Absent(
            "nothing_to_download", f"there is no skill to bundle in {name!r}", mend="import one first"
        )
    return Choice(f"{_plain(name)}.zip", tuple(items), tuple(left_out))


def _needed(value: str | None, field: str, scope: str) -> str:
    if value is None:
        raise Invalid(
            "validation_error",
            f"is missing: the scope {scope!r} needs it",
            place=field,
            mend="send it",
        )
    return value


def _one(db: Connection, published: Published, caller: Caller, slug: str) -> Choice:
    """A skill that the caller sees, or else one that everybody may have."""
    try:
        seen = visibility.find(db, caller, slug, place="skillSlug")
    except Absent:
        record = published.offer(slug)
        if record is None:
            raise
        return Choice(f"{slug}.zip", (_of_record(record),), ())
    items, left_out = _items(db, published, caller, [seen])
    if left_out:
        if left_out[0].reason == _PREMIUM_REASON:
            message = f"the files of {slug} are its owner's alone"
            raise Forbidden("premium_source_restricted", message, mend="run it instead")
        raise taken_back(left_out[0].reason)
    return Choice(f"{slug}.zip", tuple(items), ())


_PREMIUM_REASON = "premium: its files are its owner's alone"


def _items(
    db: Connection, published: Published, caller: Caller, seen: Sequence[Seen]
) -> tuple[list[Item], list[LeftOut]]:
    records = published.by_ids([item.skill_id for item in seen if item.is_published])
    counts = _file_counts(db, [item.skill_id for item in seen if not item.is_published])
    revoked = published.withdrawn([item.sha256 for item in seen if item.sha256])
    items: list[Item] = []
    left_out: list[LeftOut] = []
    for item in seen:
        if item.category == PREMIUM and item.owner_id != caller.user_id:
            left_out.append(LeftOut(item.slug, _PREMIUM_REASON))
        elif item.sha256 in revoked or item.state == "quarantined":
            left_out.append(LeftOut(item.slug, revoked.get(item.sha256, "quarantined")))
        elif item.is_published:
            found = _of_seen(item, records.get(item.skill_id))
            if found is None:
                left_out.append(LeftOut(item.slug, "it is not in the registry any more"))
            else:
                items.append(found)
        else:
            files = counts.get((item.skill_id, item.ordinal), 0)
            items.append(Item(item.slug, item.sha256, item.size or 0, files, False))
    return items, left_out


def _of_record(record: Skill) -> Item:
    version = download_of(record)
    return Item(record.slug, version.sha256, version.size, version.files, True)


def _of_seen(item: Seen, record: Skill | None) -> Item | None:
    """The pinned version, or for a team's skill the one that is offered."""
    if record is None:
        return None
    version = record.at(item.ordinal) if item.ordinal else record.download
    if version is None:
        return None
    return Item(item.slug, version.sha256, version.size, version.files, True)


def _file_counts(db: Connection, skill_ids: Sequence[str]) -> dict[tuple[str, int], int]:
    if not skill_ids:
        return {}
    rows = db.execute(
        select(skill_versions.c.skill_id, skill_versions.c.ordinal, skill_versions.c.files).where(
            skill_versions.c.skill_id.in_(skill_ids)
        )
    )
    return {(row.skill_id, row.ordinal): row.files for row in rows}


def parts(choice: Choice, read: _Read) -> list[Part]:
    """What the bundle is made of; bytes are read when it is made."""
    return [
        Part(item.slug, item.size, item.files, lambda item=item: read(item.slug, item.sha256, item.published))  # type: ignore[misc]
        for item in choice.items
    ]


def record(
    db: Connection,
    caller: Caller,
    choice: Choice,
    wanted: Wanted,
    made: tuple[str, int, str],
    expires_at: int,
    *,
    now: int,
    trace: Trace,
) -> Download:
    """Write down that the bundle of (sha256, size, url) was made, so that it can be cleaned up later."""
    sha256, size, url = made
    inside = [item.sha256 for item in choice.items]
    bundle_rows.promise(db, caller.user_id, sha256, choice.filename, inside, expires_at, now)
    audit.record(
        db,
        "BUNDLE_MADE",
        "bundle",
        now=now,
        caller=caller,
        trace=trace,
        target_id=sha256,
        target_name=choice.filename,
        data={"scope": wanted.scope, "skills": len(choice.items)},
    )
    return Download(
        url, choice.filename, sha256, size, len(choice.items), choice.left_out, written(expires_at)
    )


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:100] or "skills"
