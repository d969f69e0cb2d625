"""The manifest of a published collection, by the builder's own emitter (contracts/skillzdrive.md row 33)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from dynamic_api.catalogue import Skill, Version
from dynamic_api.database.tables import api_keys, users
from dynamic_api.errors import Absent
from dynamic_api.services import access, visibility
from dynamic_api.services.drive_list import version_of
from dynamic_api.services.published import Published
from dynamic_api.services.visibility import Seen
from registry_builder.core.ledger import SERVED
from registry_builder.emit.base import Collection, Site, Summary
from registry_builder.emit.claude import emit_registry


class Frame(Struct, frozen=True):
    """What the registry's own marketplace.json says of itself."""

    name: str
    description: str
    owner: Mapping[str, str]


def frame_of(marketplace: bytes) -> Frame:
    """The frame out of a marketplace.json."""
    return msgspec.json.decode(marketplace, type=Frame)


def manifest(db: Connection, published: Published, name: str, frame: Frame, base_url: str, now: int) -> bytes:
    """The catalogue of the collection's published skills. Private ones are never named. Raises Absent."""
    key = api_keys.c
    row = db.execute(
        select(key.id, key.published_name, key.expires_at)
        .join_from(api_keys, users, key.owner_id == users.c.id)
        .where(key.live_name == name, key.published_name.is_not(None))
        .where(key.enabled, key.revoked_at.is_(None), users.c.disabled_at.is_(None))
    ).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        raise absent(name)
    seen = [item for item in visibility.visible(db, access.caller_with(db, row.id, now)) if item.is_published]
    summaries = list(_summaries(seen, published.by_ids([item.skill_id for item in seen])))
    return _emitted(row.published_name, name, summaries, frame, base_url)


def absent(name: str) -> Absent:
    """The answer for a collection that is not published, and for one that is not there."""
    return Absent("collection_not_found", f"no published collection {name!r}", place="name")


def _summaries(seen: Sequence[Seen], records: Mapping[str, Skill]) -> Iterator[Summary]:
    """At the version that the drive holds, if that is still offered; else at the newest."""
    for item in seen:
        record = records.get(item.skill_id)
        pinned = version_of(item, record)
        version = pinned if pinned and pinned.state in SERVED else record.download if record else None
        if record and version:
            yield _summary(record, version)


def _summary(record: Skill, version: Version) -> Summary:
    return Summary(
        name=record.slug,
        type=record.type,
        state=version.state,
        tree="",
        path="",
        newest=record.versions[-1].ordinal,
        title=record.name,
        description=record.description,
        tags=record.tags,
        licence=record.licence,
        author=record.author,
        homepage=record.homepage,
        manifest=record.manifest,
        replacement=record.replacement,
        version=version.ordinal,
        label=version.label,
        time=version.time,
        sha256=version.sha256,
        size=version.size,
        files=version.files,
        bytes=version.bytes,
    )


def _emitted(shown: str, title: str, summaries: Sequence[Summary], frame: Frame, base_url: str) -> bytes:
    members = tuple(sorted(item.name for item in summaries))
    site = Site(
        name=frame.name,
        title=frame.name,
        description=frame.description,
        base_url=base_url,
        owner=frame.owner,
        source_url=None,
        builder="",
        collections=(Collection(name=shown, title=title, description="", members=members),),
    )
    bodies = dict(emit_registry(summaries, site).entries)
    return bodies[f"marketplace/collections/{shown}.json"]
