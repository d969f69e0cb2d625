"""What a slug means for a run: which bytes, at which price (contracts/skillzdrive.md 7.3)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Connection

from dynamic_api.errors import Unprocessable
from dynamic_api.services import visibility
from dynamic_api.services.caller import Caller
from dynamic_api.services.downloads import PREMIUM
from dynamic_api.services.drive_list import version_of
from dynamic_api.services.published import Published, no_skill, taken_back
from dynamic_api.services.visibility import Seen
from registry_builder.core.key import download_key
from registry_builder.core.ledger import QUARANTINED


class Choice(Struct, frozen=True, kw_only=True):
    """The version that a key runs. `price` is for one run in a session of 5 minutes.

    `source` is where the owner of a key may get the files; empty for a premium skill of somebody else.
    """

    skill_id: str
    slug: str
    ordinal: int
    sha256: str
    is_published: bool
    price: int
    source: Mapping[str, object]


def choose(
    db: Connection, published: Published, caller: Caller, slug: str, place: str = "skillSlug"
) -> Choice:
    """What `slug` is for this key, at its pinned version. Raises Absent, Withdrawn."""
    seen = visibility.find(db, caller, slug, place=place)
    ordinal, sha256, price = _version(published, seen, place)
    reason = published.withdrawn([sha256]).get(sha256)
    if reason is not None or seen.state == QUARANTINED:
        raise taken_back(reason or QUARANTINED)
    return Choice(
        skill_id=seen.skill_id,
        slug=seen.slug,
        ordinal=ordinal,
        sha256=sha256,
        is_published=seen.is_published,
        price=price,
        source=_source(seen, caller, sha256),
    )


def _version(published: Published, seen: Seen, place: str) -> tuple[int, str, int]:
    """Ordinal, digest and price. A private skill is run for nothing."""
    if not seen.is_published:
        return seen.ordinal, seen.sha256, 0
    record = published.by_ids([seen.skill_id]).get(seen.skill_id)
    version = version_of(seen, record)
    if record is None or version is None:
        raise no_skill(seen.slug, place=place)
    return version.ordinal, version.sha256, record.credit_cost_per_use


def _source(seen: Seen, caller: Caller, sha256: str) -> Mapping[str, object]:
    if seen.is_published:
        return {"method": "GET", "url": f"/{download_key(seen.slug, sha256)}"}
    if seen.category == PREMIUM and seen.owner_id != caller.user_id:
        return {}
    body = {"scope": "skill", "skillSlug": seen.slug}
    return {"method": "POST", "url": "/api/v1/downloads", "body": body}


def local_only(choice: Choice) -> Unprocessable:
    """The refusal of a skill that is to run on its user's machine, with where its files are."""
    return Unprocessable(
        "local_only",
        f"{choice.slug} is made to run on your own machine",
        place="skillSlug",
        mend="fetch its files from `source`, and run the script there; it costs nothing",
        extra={"source": dict(choice.source)} if choice.source else {},
    )
