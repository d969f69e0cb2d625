"""Import of a folder on GitHub: fetched, read and scanned first, then paid and placed in one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import Connection

from dynamic_api.aside import Aside
from dynamic_api.errors import TimedOut
from dynamic_api.ids import dashed
from dynamic_api.outbound.github import GitHub
from dynamic_api.outbound.imports import import_folder
from dynamic_api.private_store import PrivateStore
from dynamic_api.services import audit, credits, drive, examined, private_skills
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.imports import IMPORT, Imported
from dynamic_api.services.private_skills import PRIVATE
from dynamic_api.services.reading import Reading
from dynamic_api.settings import Credits, Uploads
from registry_builder.core.artifact import Limits


@dataclass(frozen=True, slots=True)
class Workshop:
    """What an import goes through. `seconds` is for all of it."""

    github: GitHub
    store: PrivateStore
    limits: Uploads
    aside: Aside
    seconds: float


async def fetch(workshop: Workshop, url: str) -> Reading:
    """The skill that `url` names, at the commit that it is now, kept in the private store.

    Raises Invalid, Absent, Unprocessable, Limited, Upstream, TimedOut, Unavailable.
    """
    try:
        async with asyncio.timeout(workshop.seconds):
            return await _fetch(workshop, url)
    except TimeoutError as error:
        message = f"the import took more than {workshop.seconds:g} s"
        raise TimedOut("import_timeout", message, place="skillSlug", mend="try again later") from error


async def _fetch(workshop: Workshop, url: str) -> Reading:
    limits = workshop.limits
    found = await import_folder(
        workshop.github,
        url,
        limits=Limits(
            archive_bytes=limits.zip_bytes, unpacked_bytes=limits.unpacked_bytes, files=limits.files
        ),
    )
    where = "/".join(part for part in (found.repository, "tree", found.ref, found.path) if part)
    url = f"https://{workshop.github.host.web}/{where}"
    reading = await workshop.aside.run(
        examined.folder, found.folder, found.skill, found.findings, limits, url
    )
    await asyncio.to_thread(workshop.store.put, reading.version.sha256, [reading.artifact])
    comment = f"{found.repository} at {found.commit[:12]}"
    return Reading(
        replace(reading.version, comment=comment), reading.artifact, reading.scripts, reading.others
    )


def keep(
    db: Connection, caller: Caller, *, reading: Reading, prices: Credits, now: int, trace: Trace
) -> tuple[Imported, bool]:
    """Pay for what was fetched and place it; whether anything is new. The same bytes again cost nothing.

    Raises Conflict for a name that another source has, Unpaid for a full drive or too few credits.
    """
    new = reading.version
    drive.lock(db, caller.user_id)
    if not private_skills.holds(db, caller.user_id, new.slug):
        drive.require_room(db, caller, prices, now)
    added = private_skills.add_private_version(db, caller.user_id, new, now)
    fresh = added.created or added.placed
    price = prices.import_cost_github if fresh else 0
    movement = credits.charge(db, caller, price, IMPORT, prices, now=now, slug=new.slug)
    drive.join_collection(db, caller, [added.skill_id], now)
    if fresh:
        audit.record(
            db,
            "SKILL_IMPORTED",
            "skill",
            now=now,
            caller=caller,
            trace=trace,
            target_id=added.skill_id,
            target_name=new.slug,
            data={"from": new.github_url, "version": added.ordinal, "sha256": new.sha256, "credits": price},
        )
    imported = Imported(
        dashed(added.skill_id),
        new.slug,
        new.name,
        added.ordinal,
        new.sha256,
        PRIVATE,
        new.grade,
        price,
        movement.after,
    )
    return imported, fresh
