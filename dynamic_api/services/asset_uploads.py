"""Uploads of sx: versions that never change, under one slug, installed for everybody at first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import bot_assets, skill_versions, skills
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.errors import Conflict, Forbidden
from dynamic_api.ids import new_id
from dynamic_api.services import asset_reads, assets, audit, drive, installs
from dynamic_api.services.assets import Found, SxFacts
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.drive import Placed
from dynamic_api.services.installs import EVERYBODY, Target, Thing
from dynamic_api.services.published import Published
from dynamic_api.settings import Credits
from dynamic_api.sx.bundle import Bundle
from dynamic_api.sx.version import same_as

_ORIGIN = "upload"
_OURS = {"claude-code-plugin": "plugin"}


class Scanned(Struct, frozen=True):
    """What the scan says of a bundle; `findings` are JSON."""

    grade: str
    findings: bytes


class Kept(Struct, frozen=True, kw_only=True):
    """What became of an upload."""

    skill_id: str
    slug: str
    label: str
    is_first_version: bool


def admit(
    db: Connection, published: Published, caller: Caller, bundle: Bundle, space: str | None = None
) -> Found | None:
    """The asset that would get a further version; None for a new one. `space`: where it has to be.

    Without one it is what the name means for the caller, as in `list.txt`, or else a new asset of the
    organisation. Raises Conflict for a version that is there, Forbidden for an asset that others answer for.
    """
    found = _meant(db, published, caller, bundle.name, space)
    if found is None:
        return None
    if found.is_published:
        raise denied(found.id, found.slug, "it is in the public catalogue")
    if not installs.owns(db, caller, found):
        raise denied(found.id, found.slug, "somebody else answers for it")
    if found.versions and found.type != bundle.type:
        what = f"{found.slug} is a {found.type}; its type cannot become {bundle.type}"
        raise Conflict(
            "type_differs", what, place="type", mend="choose another name", extra=_asset(found.slug)
        )
    _require_new(found.slug, bundle.version, [kept.version.label for kept in found.versions])
    return found


def keep(
    db: Connection,
    published: Published,
    caller: Caller,
    bundle: Bundle,
    scanned: Scanned,
    targets: Sequence[Target] | None,
    *,
    prices: Credits,
    space: str | None = None,
    now: int,
    trace: Trace,
) -> Kept:
    """Add the version, and install an asset that is new for `targets`, else for everybody.

    One's own goes into the drive as well. Raises as `admit`, Forbidden for a target, Unpaid for a full drive.
    """
    found = admit(db, published, caller, bundle, space)
    where = found.namespace if found else space or ORGANISATION
    if where != ORGANISATION:
        drive.lock(db, where)  # an upload to the drive counts the same versions
    skill_id, newest, revived = _skill(db, caller, bundle, where, now)
    _add(db, caller, bundle, scanned, skill_id, newest + 1, now)
    if newest == 0 or revived or targets:
        thing = Thing("skill", skill_id, bundle.name, True)
        installs.add(db, caller, trace, thing, [EVERYBODY] if targets is None else targets, now)
    if where == caller.user_id:
        _place(db, caller, _item(skill_id, newest + 1, bundle), prices, now)
    _record(db, caller, trace, bundle, skill_id, newest + 1, now)
    return Kept(skill_id=skill_id, slug=bundle.name, label=bundle.version, is_first_version=newest == 0)


def _meant(
    db: Connection, published: Published, caller: Caller, name: str, space: str | None
) -> Found | None:
    named = [each for each in assets.named(db, published, name) if each.slug == name]
    if space is None:
        return next(iter(asset_reads.visible(db, caller, named)), None)
    wanted = {space, PUBLISHED} if space == ORGANISATION else {space}
    found = [each for each in named if each.namespace in wanted]
    return min(found, key=lambda each: each.is_published, default=None)


def _add(
    db: Connection, caller: Caller, bundle: Bundle, scanned: Scanned, skill_id: str, ordinal: int, now: int
) -> None:
    try:
        with db.begin_nested():
            db.execute(insert(skill_versions), _version(skill_id, ordinal, caller, bundle, scanned, now))
    except IntegrityError as error:
        raise version_exists(bundle.name, bundle.version) from error
    shown = {"type": _OURS.get(bundle.type, bundle.type), "description": bundle.description}
    db.execute(update(skills).where(skills.c.id == skill_id).values(newest=ordinal, deleted_at=None, **shown))


def _item(skill_id: str, ordinal: int, bundle: Bundle) -> Placed:
    return Placed(skill_id=skill_id, ordinal=ordinal, sha256=bundle.sha256, origin=_ORIGIN)


def _place(db: Connection, caller: Caller, item: Placed, prices: Credits, now: int) -> None:
    """Whoever makes a version of their own has it in the drive. Raises Unpaid when that is full."""
    if not drive.pin(db, caller.user_id, item):
        drive.require_room(db, caller, prices, now)
        drive.place(db, caller.user_id, [item], now)


def denied(skill_id: str, slug: str, why: str) -> Forbidden:
    """The refusal that makes sx offer a change request (contracts/sx.md 1.3)."""
    more = {"permission_denied": True, "skill_id": skill_id, "skill_slug": slug}
    mend = "propose the change: sx offers it, or POST with public=true"
    return Forbidden("permission_denied", f"you may not publish {slug}: {why}", mend=mend, extra=more)


def version_exists(slug: str, label: str) -> Conflict:
    """The refusal of a version that is there."""
    what = f"version {label} of {slug} already exists"
    return Conflict("version_exists", what, place="version", mend="choose another", extra=_asset(slug))


def _asset(slug: str) -> dict[str, object]:
    return {"asset": {"name": slug}}


def _require_new(slug: str, label: str, others: Sequence[str]) -> None:
    if same := same_as(label, others):
        refusal = version_exists(slug, label)
        if same != label:
            refusal.message = f"version {same} of {slug} already exists, and {label} means the same"
        raise refusal


def _skill(db: Connection, caller: Caller, bundle: Bundle, space: str, now: int) -> tuple[str, int, bool]:
    """Id, newest ordinal, and whether it had been deleted; its row is locked, and made when there is none."""
    held = select(skills.c.id, skills.c.newest, skills.c.deleted_at).where(
        skills.c.namespace == space, skills.c.slug == bundle.name
    )
    row = db.execute(held.with_for_update()).one_or_none()
    if row is None:
        skill_id = _new(db, bundle, space, now)
        _claim(db, caller, skill_id, space)
        return skill_id, 0, False
    if row.deleted_at is not None:
        _claim(db, caller, row.id, space)
    return row.id, row.newest, row.deleted_at is not None


def _new(db: Connection, bundle: Bundle, space: str, now: int) -> str:
    skill_id = new_id()
    values = {
        "id": skill_id,
        "namespace": space,
        "slug": bundle.name,
        "name": bundle.given[:200],
        "type": _OURS.get(bundle.type, bundle.type),
        "description": bundle.description,
        "category": "private",
        "created_at": now,
    }
    try:
        with db.begin_nested():
            db.execute(insert(skills), values)
    except IntegrityError as error:
        what, extra = f"somebody else has just made {bundle.name}", _asset(bundle.name)
        raise Conflict("name_taken", what, place="name", mend="try again", extra=extra) from error
    return skill_id


def _claim(db: Connection, caller: Caller, skill_id: str, space: str) -> None:
    """Whoever makes an asset answers for it, also for one that was deleted by others before."""
    owner = None if caller.is_bot else caller.user_id
    if space != ORGANISATION:
        owner = space
    db.execute(update(skills).where(skills.c.id == skill_id).values(owner_id=owner))
    db.execute(delete(bot_assets).where(bot_assets.c.skill_id == skill_id))
    if caller.is_bot:
        db.execute(insert(bot_assets), {"skill_id": skill_id, "bot_id": caller.user_id})


def _version(
    skill_id: str, ordinal: int, caller: Caller, bundle: Bundle, scanned: Scanned, now: int
) -> dict[str, Any]:
    facts = {"sx": SxFacts(bundle.clients, bundle.dependencies)}
    return {
        "skill_id": skill_id,
        "ordinal": ordinal,
        "label": bundle.version,
        "sha256": bundle.sha256,
        "size": bundle.size,
        "files": len(bundle.files),
        "facts": msgspec.json.encode(facts).decode(),
        "grade": scanned.grade,
        "findings": scanned.findings.decode(),
        "created_by": None if caller.is_bot else caller.user_id,
        "created_at": now,
    }


def _record(
    db: Connection, caller: Caller, trace: Trace, bundle: Bundle, skill_id: str, ordinal: int, now: int
) -> None:
    audit.record(
        db,
        "ASSET_PUBLISHED",
        "asset",
        now=now,
        caller=caller,
        trace=trace,
        target_id=skill_id,
        target_name=bundle.name,
        data={
            "version": bundle.version,
            "ordinal": ordinal,
            "type": bundle.type,
            "sha256": bundle.sha256,
            "size": bundle.size,
        },
    )
