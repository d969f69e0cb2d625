"""Zips that a rename replaced: they stay for whoever is fetching them, and go when nothing refers to them.

Bytes are kept by digest, so others may have the same ones, and may be putting them there right now. They are
put anew before the row that refers to them is written, so what was put lately is left alone as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, delete, exists, or_, select

from dynamic_api.clock import DAY
from dynamic_api.database.tables import replaced_bytes, skill_versions, skills
from dynamic_api.database.upsert import put

Discard = Callable[[str, float], bool]
"""Forget bytes that were last put before that time in seconds; whether they are gone."""
SETTLED = DAY
"""How long after bytes were put what refers to them is written for certain."""


def note(db: Connection, slug: str, digests: Iterable[str], now: int) -> None:
    """Write down that these zips of an asset that was called `slug` are replaced."""
    rows = [{"sha256": sha256, "slug": slug, "at": now} for sha256 in dict.fromkeys(digests)]
    put(db, replaced_bytes, rows)


def overdue(db: Connection, before: int, most: int) -> list[tuple[str, str]]:
    """Digest and slug of what was replaced before `before`, oldest first."""
    row = replaced_bytes.c
    query = select(row.sha256, row.slug).where(row.at < before).order_by(row.at, row.sha256).limit(most)
    return [(found.sha256, found.slug) for found in db.execute(query)]


def forget(db: Connection, sha256: str, slug: str, discard: Discard, now: int) -> bool:
    """Remove the bytes unless something refers to them, and the note of them; whether they are gone.

    What was put lately keeps its note for the next time. A bundle has the asset's name inside, so only
    assets of that name can have it among their facts.
    """
    version = skill_versions.c
    named = select(skills.c.id).where(skills.c.slug == slug)
    among_facts = version.skill_id.in_(named) & version.facts.contains(sha256)
    used = db.execute(select(exists().where(or_(version.sha256 == sha256, among_facts)))).scalar_one()
    gone = not used and discard(sha256, (now - SETTLED) / 1000)
    if used or gone:
        db.execute(delete(replaced_bytes).where(replaced_bytes.c.sha256 == sha256))
    else:
        db.execute(replaced_bytes.update().where(replaced_bytes.c.sha256 == sha256).values(at=now))
    return gone
