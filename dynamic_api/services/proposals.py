"""Changes meant for the public catalogue: they wait here until a maintainer makes a commit of them.

The API has no credential for Git. An upload is kept as a zip; a change request of sx comes file by file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from dynamic_api.clock import written
from dynamic_api.database.tables import proposal_files, proposals
from dynamic_api.errors import Absent, Conflict, Invalid, TooLarge
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.sx.bundle import Bundle
from registry_builder.core.artifact.paths import flaw_of

UPLOAD, CHANGE = "upload", "change"
OPEN, FETCHED, REJECTED = "open", "fetched", "rejected"
STATES = (OPEN, FETCHED, REJECTED)
ADD, MODIFY, DELETE = "ADD", "MODIFY", "DELETE"
ACTIONS = {"ADD": ADD, "CREATE": ADD, "MODIFY": MODIFY, "UPDATE": MODIFY, "DELETE": DELETE, "REMOVE": DELETE}
MOST_FILES = 1000
MOST_BYTES = 25 * 1024 * 1024
PER_AUTHOR = 50
"""Proposals of one author that may wait."""


class Proposal(Struct, frozen=True, kw_only=True):
    """A proposal, without its bytes. `sha256` is an upload's zip in the private store."""

    id: str
    kind: str
    state: str
    slug: str
    type: str
    title: str
    description: str
    label: str | None
    sha256: str | None
    author: str
    reason: str
    created_at: str
    decided_at: str | None


class Change(Struct, frozen=True):
    """One file of a change request; its path is inside the skill's folder."""

    path: str
    action: str
    content: str


def of_upload(db: Connection, caller: Caller, trace: Trace, bundle: Bundle, now: int) -> str:
    """Keep an upload that is meant for the public catalogue; its id. The bytes are stored already."""
    values = {
        "kind": UPLOAD,
        "slug": bundle.name,
        "type": bundle.type,
        "title": f"{bundle.name} {bundle.version}",
        "description": bundle.description,
        "label": bundle.version,
        "sha256": bundle.sha256,
        "size": bundle.size,
    }
    return _open(db, caller, trace, values, now)


def of_change(
    db: Connection, caller: Caller, trace: Trace, found: Found, title: str, description: str, now: int
) -> str:
    """Begin a change request of an asset; its id. Raises Invalid."""
    if not title.strip() or len(title) > 500 or len(description) > 20_000:
        raise Invalid("validation_error", "the title has to have 1 to 500 characters", place="title")
    values = {
        "kind": CHANGE,
        "slug": found.slug,
        "type": found.type,
        "title": title.strip(),
        "description": description,
        "skill_id": None if found.is_published else found.id,
    }
    return _open(db, caller, trace, values, now)


def add_file(
    db: Connection, caller: Caller, proposal_id: str, path: str, action: str, content: str, now: int
) -> None:
    """Put a file into an open change request of the caller. Raises Absent, Conflict, Invalid, TooLarge."""
    row = _row(db, proposal_id)
    if row.author_id != caller.user_id or row.kind != CHANGE:
        raise _no_proposal(proposal_id)
    _require_open(row)
    kind = ACTIONS.get(action.strip().upper() or ADD)
    if kind is None:
        raise Invalid("bad_action", f"actions are {ADD}, {MODIFY} and {DELETE}", place="action")
    if why := flaw_of(path):
        raise Invalid("bad_path", f"{path[:200]!r}: {why.message}", place="path")
    size = row.size + len(content.encode("utf-8", "replace"))
    files = select(func.count()).where(proposal_files.c.proposal_id == proposal_id)
    if size > MOST_BYTES or db.execute(files).scalar_one() >= MOST_FILES:
        what = f"a change request has at most {MOST_FILES} files and {MOST_BYTES} bytes"
        raise TooLarge("change_too_large", what, place="content")
    same = (proposal_files.c.proposal_id == proposal_id, proposal_files.c.path == path)
    db.execute(delete(proposal_files).where(*same))
    values = {"id": new_id(), "proposal_id": proposal_id, "path": path, "action": kind, "content": content}
    db.execute(insert(proposal_files), values)
    db.execute(update(proposals).where(proposals.c.id == proposal_id).values(size=size))


def waiting(db: Connection, state: str = OPEN, limit: int = 200) -> list[Proposal]:
    """Proposals in a state, oldest first."""
    query = select(proposals).where(proposals.c.state == state).order_by(proposals.c.created_at)
    return [_proposal(row) for row in db.execute(query.limit(limit))]


def find(db: Connection, proposal_id: str) -> Proposal:
    """The proposal with this id, or with this beginning of it when only one has it. Raises Absent."""
    return _proposal(_row(db, proposal_id))


def shown(
    db: Connection, proposal_id: str, caller: Caller | None, *, anybody: bool = False
) -> tuple[Proposal, list[str]]:
    """The proposal with this id, and the paths in a change request. Raises Absent, as for what is not there.

    For its author and the staff; for `anybody` who was given its address.
    """
    row = db.execute(select(proposals).where(proposals.c.id == proposal_id)).one_or_none()
    known = caller is not None and row is not None and (caller.is_staff or caller.user_id == row.author_id)
    if row is None or not (anybody or known):
        raise _no_proposal(proposal_id)
    paths = select(proposal_files.c.path).where(proposal_files.c.proposal_id == row.id)
    return _proposal(row), list(db.execute(paths.order_by(proposal_files.c.path)).scalars())


def changes(db: Connection, proposal_id: str) -> list[Change]:
    """The files of a change request, by path."""
    query = select(proposal_files).where(proposal_files.c.proposal_id == proposal_id)
    rows = db.execute(query.order_by(proposal_files.c.path))
    return [Change(row.path, row.action, row.content) for row in rows]


def decide(db: Connection, proposal_id: str, state: str, reason: str, now: int) -> Proposal:
    """Close an open proposal, by a maintainer. Raises Absent, Conflict."""
    row = _row(db, proposal_id)
    _require_open(row)
    values = {"state": state, "reason": reason, "decided_at": now}
    db.execute(update(proposals).where(proposals.c.id == row.id).values(values))
    event = "PROPOSAL_FETCHED" if state == FETCHED else "PROPOSAL_REJECTED"
    data = {"reason": reason}
    audit.record(db, event, "proposal", now=now, target_id=row.id, target_name=row.slug, data=data)
    return find(db, row.id)


def _open(db: Connection, caller: Caller, trace: Trace, values: dict[str, Any], now: int) -> str:
    mine = select(func.count()).where(proposals.c.author_id == caller.user_id, proposals.c.state == OPEN)
    if db.execute(mine).scalar_one() >= PER_AUTHOR:
        what = f"{PER_AUTHOR} proposals of yours are waiting"
        raise Conflict("too_many_proposals", what, mend="wait until a maintainer has looked at them")
    proposal_id = new_id()
    row = {
        "id": proposal_id,
        "author_id": caller.user_id,
        "author_name": caller.email,
        "created_at": now,
        **values,
    }
    db.execute(insert(proposals), row)
    audit.record(
        db,
        "PROPOSAL_MADE",
        "proposal",
        now=now,
        caller=caller,
        trace=trace,
        target_id=proposal_id,
        target_name=values["slug"],
        data={"kind": values["kind"], "title": values["title"]},
    )
    return proposal_id


def _row(db: Connection, proposal_id: str) -> Any:
    begins = proposals.c.id.startswith(proposal_id, autoescape=True)
    rows: Sequence[Any] = db.execute(select(proposals).where(begins).limit(2)).fetchall()
    if len(rows) != 1 or len(proposal_id) < 6:
        raise _no_proposal(proposal_id)
    return rows[0]


def _require_open(row: Any) -> None:
    if row.state != OPEN:
        raise Conflict("proposal_decided", f"the proposal is {row.state} already", place="id")


def _no_proposal(proposal_id: str) -> Absent:
    mend = "list them: skillpress proposals list"
    return Absent("proposal_not_found", f"there is no proposal {proposal_id[:64]!r}", place="id", mend=mend)


def _proposal(row: Any) -> Proposal:
    return Proposal(
        id=row.id,
        kind=row.kind,
        state=row.state,
        slug=row.slug,
        type=row.type,
        title=row.title,
        description=row.description,
        label=row.label,
        sha256=row.sha256,
        author=row.author_name,
        reason=row.reason,
        created_at=written(row.created_at),
        decided_at=None if row.decided_at is None else written(row.decided_at),
    )
