"""One asset as a caller sees it, by its slug or by the name it was sent with; and its bytes, by version."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from dynamic_api.database.tables import skill_versions, skills
from dynamic_api.database.tables.skills import ORGANISATION
from dynamic_api.errors import Absent
from dynamic_api.services import asset_access, assets, reach
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published, taken_back
from dynamic_api.sx.identity import slug_of
from dynamic_api.sx.version import read
from registry_builder.core.ledger import QUARANTINED


class Bytes(Struct, frozen=True, kw_only=True):
    """Where the bundle of a version is: in the bucket, or in the private store."""

    skill_id: str
    slug: str
    label: str
    sha256: str
    size: int
    is_published: bool


def find(db: Connection, published: Published, caller: Caller, name: str) -> Found | None:
    """What `name` is for the caller: what is installed for them first, as in their lock, then by nearness."""
    return next(iter(visible(db, caller, assets.named(db, published, name))), None)


def require(db: Connection, published: Published, caller: Caller, name: str) -> Found:
    """`find`. Raises Absent."""
    found = find(db, published, caller, name)
    if found is None:
        raise no_asset(name)
    return found


def visible(db: Connection, caller: Caller, found: Iterable[Found]) -> list[Found]:
    """Those of `found` that the caller may see, what a lock would mean first."""
    ranks = asset_access.ranks(db, caller, ordered := list(found), ask_anyway=True)
    seen = [each for each in ordered if each.id in ranks]
    reached = reach.reaches(db, caller, [each.id for each in seen])
    return sorted(seen, key=lambda each: (each.id not in reached, ranks[each.id], each.id))


def labels(db: Connection, published: Published, caller: Caller, name: str) -> list[str]:
    """Every version that there is, newest last, so that sx chooses a new one; none of an unknown name.

    Of an asset that was deleted those that there were: it comes back with the next one.
    """
    found = find(db, published, caller, name)
    if found is None:
        gone = db.execute(_GONE, {"slug": slug_of(name), "spaces": [ORGANISATION, caller.user_id]})
        return sorted((label for label in gone.scalars() if read(label)), key=read)  # type: ignore[arg-type]
    return [kept.version.label for kept in found.newest_first()][::-1]


_GONE = (
    select(skill_versions.c.label)
    .join(skills, skills.c.id == skill_versions.c.skill_id)
    .where(
        skills.c.slug == bindparam("slug"),
        skills.c.namespace.in_(bindparam("spaces", expanding=True)),
        skills.c.deleted_at.is_not(None),
    )
)


def bundle(
    db: Connection, published: Published, caller: Caller, name: str, label: str, sha256: str | None = None
) -> Bytes:
    """The bytes of one version; of those with `sha256`, when several assets have the name.

    Raises Absent, Withdrawn.
    """
    seen = visible(db, caller, assets.named(db, published, name))
    if not seen:
        raise no_asset(name)
    wanted = ((found, found.at(label)) for found in seen)
    found, kept = next(
        ((found, kept) for found, kept in wanted if kept and sha256 in {None, kept.version.sha256}),
        (seen[0], None),
    )
    if kept is None:
        raise Absent("version_not_found", f"{found.slug} has no version {label}", mend="see its list.txt")
    if kept.version.state == QUARANTINED:
        raise taken_back(QUARANTINED)
    return Bytes(
        skill_id=found.id,
        slug=found.slug,
        label=label,
        sha256=kept.version.sha256,
        size=kept.version.size,
        is_published=found.is_published,
    )


def no_asset(name: str) -> Absent:
    """The answer for what is not there and for what the caller may not see."""
    return Absent("asset_not_found", f"there is no asset {name!r}", mend="list them: sx vault list")
