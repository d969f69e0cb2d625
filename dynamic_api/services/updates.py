"""Newer versions of what a drive holds: list, accept, dismiss (contracts/skillzdrive.md rows 9–11)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field
from sqlalchemy import Connection, Row, select, update

from dynamic_api.database.tables import drive_items, skill_versions
from dynamic_api.errors import Absent
from dynamic_api.ids import dashed
from dynamic_api.services import audit, credits, drive, visibility
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.drive_list import version_of
from dynamic_api.services.published import Published, taken_back
from dynamic_api.services.visibility import DRIVE, Seen
from dynamic_api.settings import Credits
from registry_builder.core.ledger import QUARANTINED

UPDATE_ACCEPT = "update_accept"
ACTIVE = "active"


class Update(Struct, frozen=True):
    """A version that waits. `credits_required` is what accepting it costs."""

    id: str
    slug: str
    from_version: int = field(name="fromVersion")
    to_version: int = field(name="toVersion")
    change_comment: str | None = field(name="changeComment")
    security_grade: str | None
    credits_required: int
    content_sha: str


class Updates(Struct, frozen=True):
    """All that wait, by slug."""

    updates: tuple[Update, ...]


class Accepted(Struct, frozen=True):
    """An update that the drive has now."""

    slug: str
    from_version: int = field(name="fromVersion")
    to_version: int = field(name="toVersion")
    content_sha: str
    credits_charged: int
    balance: int


class Dismissed(Struct, frozen=True):
    """An update that was waved away: the drive stays where it was."""

    slug: str
    version: int
    dismissed_version: int = field(name="dismissedVersion")


class _Next(Struct, frozen=True):
    """The version after a pin: what it is, and whether the pinned one is still good."""

    item: Seen
    ordinal: int
    sha256: str
    comment: str | None
    grade: str | None
    free: bool


class _Waiting(Struct, frozen=True):
    """Per skill, the next version, or why there is none although there is a newer one."""

    found: dict[str, _Next]
    withdrawn: dict[str, str]


def waiting(db: Connection, published: Published, caller: Caller, prices: Credits) -> Updates:
    """Every update that the key may accept or dismiss."""
    items = [item for item in visibility.visible(db, caller) if item.source == DRIVE]
    found = _waiting(db, published, caller, items).found
    return Updates(tuple(_shown(found[item.skill_id], prices) for item in items if item.skill_id in found))


def accept(
    db: Connection,
    published: Published,
    caller: Caller,
    slug: str,
    prices: Credits,
    *,
    now: int,
    trace: Trace,
) -> Accepted:
    """Move the pin to the newest version, and pay for it. Raises Absent, Withdrawn, Unpaid."""
    drive.lock(db, caller.user_id)
    update_ = _one(db, published, caller, slug)
    price = _price(update_, prices)
    movement = credits.charge(db, caller, price, UPDATE_ACCEPT, prices, now=now, slug=slug)
    _set(db, caller, update_, ordinal=update_.ordinal, sha256=update_.sha256)
    _record(db, "UPDATE_ACCEPTED", caller, update_, now, trace)
    return Accepted(slug, update_.item.ordinal, update_.ordinal, update_.sha256, price, movement.after)


def dismiss(
    db: Connection, published: Published, caller: Caller, slug: str, *, now: int, trace: Trace
) -> Dismissed:
    """Stay at the present version until a still newer one comes. Raises Absent, Withdrawn."""
    update_ = _one(db, published, caller, slug)
    _set(db, caller, update_, dismissed=update_.ordinal)
    _record(db, "UPDATE_DISMISSED", caller, update_, now, trace)
    return Dismissed(slug, update_.item.ordinal, update_.ordinal)


def _one(db: Connection, published: Published, caller: Caller, slug: str) -> _Next:
    item = visibility.find(db, caller, slug)
    if item.source == DRIVE:
        waiting_ = _waiting(db, published, caller, [item])
        if found := waiting_.found.get(item.skill_id):
            return found
        if reason := waiting_.withdrawn.get(item.skill_id):
            raise taken_back(reason)
    raise Absent(
        "update_not_found",
        f"no update of {slug!r} waits",
        place="slug",
        mend="look at GET /api/v1/drive/updates",
    )


def _waiting(db: Connection, published: Published, caller: Caller, items: Sequence[Seen]) -> _Waiting:
    """In one query for private skills, and one look at the catalogue."""
    told = _Waiting({}, {})
    records = published.by_ids([item.skill_id for item in items if item.is_published])
    for item in items:
        record = records.get(item.skill_id) if item.is_published else None
        if record is None:
            continue
        pinned, floor = version_of(item, record), max(item.ordinal, item.dismissed)
        if record.download is not None and record.download.ordinal > floor:
            free = pinned is not None and pinned.state == QUARANTINED
            new = record.download
            grade = published.grades.of(record.slug, new.sha256)
            # What the merge said is not in the bucket: the ledger has the commit, not its message.
            told.found[item.skill_id] = _Next(item, new.ordinal, new.sha256, None, grade, free)
        elif bad := [row for row in record.versions if row.ordinal > floor and row.state == QUARANTINED]:
            told.withdrawn[item.skill_id] = bad[-1].reason or QUARANTINED
    _add_private(db, published, caller, [item for item in items if not item.is_published], told)
    return told


def _add_private(
    db: Connection, published: Published, caller: Caller, items: Sequence[Seen], told: _Waiting
) -> None:
    behind = {item.skill_id: item for item in items if item.newest > max(item.ordinal, item.dismissed)}
    if not behind:
        return
    rows = _rows(db, behind)
    withdrawn = published.withdrawn([row.sha256 for row in rows] + [item.sha256 for item in items])
    for row in rows:
        item = behind[row.skill_id]
        reason = withdrawn.get(row.sha256) or (QUARANTINED if row.state == QUARANTINED else None)
        if row.ordinal <= max(item.ordinal, item.dismissed):
            continue
        if reason:
            told.withdrawn[item.skill_id] = reason
        elif row.state == ACTIVE:
            free = item.owner_id == caller.user_id or item.sha256 in withdrawn or item.state == QUARANTINED
            told.found[item.skill_id] = _Next(
                item, row.ordinal, row.sha256, row.comment or None, row.grade, free
            )


def _rows(db: Connection, behind: dict[str, Seen]) -> Sequence[Row[tuple[str, int, str, str, str, str]]]:
    """The versions of these skills, oldest first, from the pins on."""
    version = skill_versions.c
    oldest = min(item.ordinal for item in behind.values())
    query = (
        select(
            version.skill_id, version.ordinal, version.sha256, version.comment, version.grade, version.state
        )
        .where(version.skill_id.in_(list(behind)), version.ordinal > oldest)
        .order_by(version.skill_id, version.ordinal)
    )
    return db.execute(query).all()  # type: ignore[return-value]


def _price(update_: _Next, prices: Credits) -> int:
    """Leaving a version that was taken back is free, and so are one's own versions."""
    return 0 if update_.free else prices.update_accept_cost


def _shown(update_: _Next, prices: Credits) -> Update:
    item = update_.item
    return Update(
        dashed(item.skill_id),
        item.slug,
        item.ordinal,
        update_.ordinal,
        update_.comment,
        update_.grade,
        _price(update_, prices),
        update_.sha256,
    )


def _set(db: Connection, caller: Caller, update_: _Next, **values: object) -> None:
    item = drive_items.c
    db.execute(
        update(drive_items)
        .where(item.user_id == caller.user_id, item.skill_id == update_.item.skill_id)
        .values(**values)
    )


def _record(db: Connection, event: str, caller: Caller, update_: _Next, now: int, trace: Trace) -> None:
    audit.record(
        db,
        event,
        "skill",
        now=now,
        caller=caller,
        trace=trace,
        target_id=update_.item.skill_id,
        target_name=update_.item.slug,
        data={"from": update_.item.ordinal, "to": update_.ordinal},
    )
