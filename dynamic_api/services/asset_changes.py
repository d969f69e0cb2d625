"""Changes to a whole asset: its name, its end, and one that is made of a single text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tomli_w
from sqlalchemy import Connection, bindparam, delete, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import asset_installs, skill_versions, skills
from dynamic_api.errors import Conflict, Forbidden, Invalid
from dynamic_api.private_store import PrivateStore
from dynamic_api.services import asset_uploads, audit, installs
from dynamic_api.services.asset_scan import scanned
from dynamic_api.services.asset_uploads import Kept
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.installs import Target
from dynamic_api.services.published import Published
from dynamic_api.settings import Uploads
from dynamic_api.sx.bundle import read_bundle, renamed
from dynamic_api.sx.identity import Form, slug_of
from dynamic_api.sx.version import read
from dynamic_api.sx.vocabulary import kind_of
from registry_builder.core.artifact import pack
from registry_builder.core.folder import File, sorted_files
from registry_builder.core.key import digest

PROMPTS = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}


def require_owned(db: Connection, caller: Caller, found: Found) -> None:
    """Raise Forbidden unless the caller answers for a private asset."""
    if found.is_published:
        why, mend = "it is in the public catalogue", "propose the change there"
    elif not installs.owns(db, caller, found):
        why, mend = "somebody else answers for it", "ask its owner or an administrator"
    else:
        return
    raise Forbidden("permission_denied", f"PERMISSION_DENIED: {found.slug}: {why}", mend=mend)


def rename(
    db: Connection,
    store: PrivateStore,
    caller: Caller,
    trace: Trace,
    found: Found,
    name: str,
    now: int,
) -> None:
    """Give an asset another name, in the zip of each version as well: sx wants them equal.

    Raises Forbidden, Invalid, Conflict. The new bytes are put into the store first; that they may stay there
    unused when this fails is no harm.
    """
    require_owned(db, caller, found)
    slug = slug_of(name)
    if not slug:
        raise Invalid("name-invalid", f"no slug can be made of {name[:64]!r}", place="newName")
    rows = [_rewritten(store, kept.version.sha256, kept.version.ordinal, slug) for kept in found.versions]
    try:
        with db.begin_nested():
            values = {"slug": slug, "name": name[:200]}
            db.execute(update(skills).where(skills.c.id == found.id).values(values))
    except IntegrityError as error:
        raise Conflict("name_taken", f"an asset {slug} already exists", place="newName") from error
    if rows:
        held = skill_versions.c
        statement = update(skill_versions).where(
            held.skill_id == found.id, held.ordinal == bindparam("at_ordinal")
        )
        db.execute(statement.values(sha256=bindparam("new_sha256"), size=bindparam("new_size")), rows)
    data = {"from": found.slug, "to": slug}
    audit.record(
        db,
        "ASSET_RENAMED",
        "asset",
        now=now,
        caller=caller,
        trace=trace,
        target_id=found.id,
        target_name=slug,
        data=data,
    )


def remove(db: Connection, caller: Caller, trace: Trace, found: Found, now: int) -> None:
    """Delete a private asset: it is in no list and no lock, and its versions are never given again."""
    require_owned(db, caller, found)
    db.execute(delete(asset_installs).where(asset_installs.c.skill_id == found.id))
    db.execute(update(skills).where(skills.c.id == found.id).values(deleted_at=now))
    audit.record(
        db,
        "ASSET_DELETED",
        "asset",
        now=now,
        caller=caller,
        trace=trace,
        target_id=found.id,
        target_name=found.slug,
    )


def write(
    db: Connection,
    store: PrivateStore,
    published: Published,
    caller: Caller,
    trace: Trace,
    *,
    name: str,
    kind: str,
    text: str,
    description: str,
    known: Found | None,
    targets: Sequence[Target] | None,
    limits: Uploads,
    now: int,
) -> Kept:
    """A version of an asset that is one prompt. Raises as an upload does."""
    read_kind = kind_of(kind)
    lock_type = read_kind.lock if read_kind else kind
    prompt = PROMPTS.get(lock_type)
    if prompt is None:
        raise Invalid("type-refused", f"a {kind[:40]!r} is not made of one text", place="assetType")
    version = _next(known)
    table = {
        "asset": {"name": name, "version": version, "type": lock_type, "description": description},
        lock_type: {"prompt-file": prompt},
    }
    files = (File("metadata.toml", tomli_w.dumps(table).encode()), File(prompt, text.encode()))
    bundle = read_bundle(pack(sorted_files(files)), Form(name=name, version=version, type=lock_type))
    store.put(bundle.sha256, [bundle.body])
    result = scanned(bundle, limits, None)
    return asset_uploads.keep(db, published, caller, bundle, result, targets, now=now, trace=trace)


def _next(known: Found | None) -> str:
    """The next major number, as sx counts."""
    readings = [read(kept.version.label) for kept in known.versions] if known else []
    return str(max((each.numbers[0] for each in readings if each), default=0) + 1)


def _rewritten(store: PrivateStore, sha256: str, ordinal: int, slug: str) -> dict[str, Any]:
    body = renamed(store.get(sha256), slug)
    made = digest(body)
    store.put(made, [body])
    return {"at_ordinal": ordinal, "new_sha256": made, "new_size": len(body)}
