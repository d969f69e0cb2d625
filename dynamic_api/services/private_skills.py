"""Private skills, version by version: what was uploaded, or imported from GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from dynamic_api.database.tables import drive_items, skill_versions, skills
from dynamic_api.errors import Conflict
from dynamic_api.ids import new_id
from dynamic_api.services import drive
from dynamic_api.services.drive import Placed
from dynamic_api.sx.version import read

PRIVATE = "private"


class Facts(Struct, frozen=True):
    """What the front matter says, as `skill_versions.facts` keeps it."""

    execution_tier: str | None = None
    required_env: tuple[str, ...] = ()
    licence: str | None = None
    author: str | None = None
    homepage: str | None = None


class NewVersion(Struct, frozen=True, kw_only=True):
    """Bytes that were read, scanned and stored, and what they say of themselves. origin: upload or import.

    `github_url` is where they are from. `findings` are JSON.
    """

    slug: str
    type: str
    name: str
    description: str
    tags: Sequence[str]
    sha256: str
    size: int
    files: int
    scripts: Sequence[str]
    facts: Facts
    grade: str
    findings: bytes
    origin: str
    comment: str = ""
    label: str | None = None
    github_url: str | None = None


class Added(Struct, frozen=True):
    """Where a version went. `created`: the version is new; `placed`: the drive did not have the skill."""

    skill_id: str
    slug: str
    ordinal: int
    created: bool
    placed: bool


def add_private_version(db: Connection, owner_id: str, new: NewVersion, now: int) -> Added:
    """The next version of the owner's skill of this name, pinned in the owner's drive.

    Bytes that are the newest version already add nothing. Call it with the account locked, and charge in the
    same transaction when something is new. Raises Conflict when the name is that of a skill from elsewhere.
    """
    known = _known(db, owner_id, new.slug)
    if known is None:
        skill_id, ordinal, created = _insert(db, owner_id, new, now), 1, True
    else:
        _require_same_source(known, new)
        skill_id = known.id
        created = known.sha256 != new.sha256 or known.deleted_at is not None
        ordinal = known.newest + created
    if created:
        _append(db, skill_id, ordinal, owner_id, new, now)
    item = Placed(skill_id=skill_id, ordinal=ordinal, sha256=new.sha256, origin=new.origin)
    placed = drive.place(db, owner_id, [item], now) > 0
    if created and not placed:
        # Whoever makes a version has it, without an update to accept.
        drive.pin(db, owner_id, item)
    return Added(skill_id, new.slug, ordinal, created, placed)


def holds(db: Connection, owner_id: str, slug: str) -> bool:
    """Whether the owner's drive has the owner's skill of this name."""
    query = (
        select(drive_items.c.skill_id)
        .join(skills, skills.c.id == drive_items.c.skill_id)
        .where(drive_items.c.user_id == owner_id, skills.c.namespace == owner_id, skills.c.slug == slug)
    )
    return db.execute(query).first() is not None


def _known(db: Connection, owner_id: str, slug: str) -> Any:
    version = (skill_versions.c.skill_id == skills.c.id) & (skill_versions.c.ordinal == skills.c.newest)
    return db.execute(
        select(
            skills.c.id,
            skills.c.newest,
            skills.c.github_url,
            skills.c.deleted_at,
            skill_versions.c.sha256,
        )
        .select_from(skills.outerjoin(skill_versions, version))
        .where(skills.c.namespace == owner_id, skills.c.slug == slug)
    ).one_or_none()


def _require_same_source(known: Any, new: NewVersion) -> None:
    """Only GitHub imports are held to it: an upload is the owner's own hand."""
    if new.github_url is None or known.github_url == new.github_url:
        return
    where = known.github_url or "an upload"
    raise Conflict(
        "name_taken",
        f"you have a skill {new.slug!r} already, from {where}",
        place="skillSlug",
        mend="change the name in SKILL.md, or upload the new version as a zip",
    )


def _insert(db: Connection, owner_id: str, new: NewVersion, now: int) -> str:
    skill_id = new_id()
    row = {
        "id": skill_id,
        "namespace": owner_id,
        "slug": new.slug,
        "category": PRIVATE,
        "owner_id": owner_id,
        "created_at": now,
        **_shown(new, 1),
    }
    db.execute(insert(skills), row)
    return skill_id


def _append(db: Connection, skill_id: str, ordinal: int, owner_id: str, new: NewVersion, now: int) -> None:
    row = {
        "skill_id": skill_id,
        "ordinal": ordinal,
        "label": new.label or _label(db, skill_id, ordinal),
        "sha256": new.sha256,
        "size": new.size,
        "files": new.files,
        "scripts": _json(list(new.scripts)),
        "facts": _json(new.facts),
        "comment": new.comment,
        "grade": new.grade,
        "findings": new.findings.decode(),
        "created_by": owner_id,
        "created_at": now,
    }
    db.execute(insert(skill_versions), row)
    db.execute(update(skills).where(skills.c.id == skill_id).values(**_shown(new, ordinal), deleted_at=None))


def _label(db: Connection, skill_id: str, ordinal: int) -> str:
    """The ordinal, or more where sx has brought versions with greater numbers: newer is greater."""
    held = skill_versions.c
    labels = db.execute(select(held.label).where(held.skill_id == skill_id)).scalars()
    majors = (reading.numbers[0] for label in labels if (reading := read(label)))
    return str(max(ordinal, 1 + max(majors, default=0)))


def _shown(new: NewVersion, ordinal: int) -> dict[str, object]:
    return {
        "type": new.type,
        "name": new.name[:200],
        "description": new.description,
        "tags": _json(list(new.tags)),
        "github_url": new.github_url,
        "newest": ordinal,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
