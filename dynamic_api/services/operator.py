"""The operator at the command line, as a caller who may do everything, and assets by their slug."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Connection

from dynamic_api.catalogue import Catalogue
from dynamic_api.errors import Unavailable
from dynamic_api.services import asset_reads, drive
from dynamic_api.services.accounts import User
from dynamic_api.services.caller import ADMIN, ALL_SKILLS, Caller
from dynamic_api.services.installs import Thing
from dynamic_api.services.published import Published

OPERATOR = Caller(
    user_id="",
    email="operator",
    role=ADMIN,
    tier="",
    key_id="",
    key_name="",
    key_kind=ALL_SKILLS,
    key_prefix="",
    allowed=None,
    include_team=False,
    include_shared=False,
    rate_limit_per_minute=None,
    expires_at=None,
)


def published(folder: Path) -> Published:
    """The view of the bucket that the API keeps in its data directory."""
    return Published(Catalogue(folder))


def asset(db: Connection, known: Published, slug: str, now: int, owner: User | None = None) -> Thing:
    """The asset that `slug` is for everybody, or for `owner`; a published one is noted.

    Raises Absent, Unavailable.
    """
    if known.stamp is None:
        mend = "start the API once, so that it reads the bucket"
        raise Unavailable("no-view", "there is no view of the registry yet", mend=mend)
    caller = OPERATOR if owner is None else replace(OPERATOR, user_id=owner.id)
    found = asset_reads.require(db, known, caller, slug)
    if found.is_published:
        records = known.by_ids([found.id])
        drive.know(db, [records[found.id]], now)
    return Thing("skill", found.id, found.slug, True)
