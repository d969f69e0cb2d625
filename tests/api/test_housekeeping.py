"""What is kept for a time only goes when it is over, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from dynamic_api.clock import DAY
from dynamic_api.database.tables import (
    api_keys,
    idempotency_keys,
    skill_days,
    skill_versions,
    skills,
    upload_tickets,
)
from dynamic_api.services import popularity
from dynamic_api.tasks.housekeeping import Housekeeper
from tests.api.sx_room import client, skill_folder
from tests.api.world import Person, World


def swept(api: World) -> dict[str, int]:
    context = api.app.context
    return asyncio.run(
        Housekeeper(context.database, context.private_store, context.settings, api.clock).sweep(
            asyncio.Event()
        )
    )


def test_answers_tickets_and_counters_end(api: World, person: Person) -> None:
    now, skill_id = api.clock(), uuid.uuid4().hex

    def put(db: Connection) -> None:
        key_id = db.execute(select(api_keys.c.id).where(api_keys.c.owner_id == person.id)).scalar_one()
        stored: dict[str, Any] = {"route": "r", "body_sha256": "", "status": 200, "answer": b""}
        for age in (31, 29):
            row = {"user_id": person.id, "key": str(age), "at": now - age * DAY, **stored}
            db.execute(insert(idempotency_keys), row)
        for age in (8, 6):
            ticket = {"id": uuid.uuid4().hex, "user_id": person.id, "key_id": key_id, "created_at": 1}
            more = {"sha256": uuid.uuid4().hex, "expires_at": now - age * DAY}
            db.execute(insert(upload_tickets), ticket | more)
        for age in (402, 399):
            popularity.count(db, [skill_id], popularity.INSTALLS, now - age * DAY)

    api.write(put)
    gone = swept(api)
    assert (gone["idempotency keys"], gone["upload tickets"], gone["counters"]) == (1, 1, 1)
    for column, value in (
        (idempotency_keys.c.user_id, person.id),
        (upload_tickets.c.user_id, person.id),
        (skill_days.c.skill_id, skill_id),
    ):
        count = select(func.count()).where(column == value)
        assert api.read(lambda db, count=count: db.execute(count).scalar_one()) == 1  # type: ignore[misc]
    assert set(swept(api).values()) == {0}


def digest_of(api: World, name: str) -> str:
    """Of the zip that sx gets."""
    query = select(skill_versions.c.sha256, skill_versions.c.facts).join(skills)
    row = api.read(lambda db: db.execute(query.where(skills.c.slug == name)).one())
    return json.loads(row.facts)["sx"].get("sha256") or str(row.sha256)


def test_zips_that_a_rename_replaced_end_unless_they_are_used(
    api: World, person: Person, tmp_path: Path
) -> None:
    """Issue 6: of two that were replaced one has its name back, so that its bytes stay."""
    sx, store, present = (
        client(api, person, tmp_path / "home"),
        api.app.context.private_store,
        api.clock.ahead,
    )
    names = [f"swept-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    old = {}
    for name in names:
        sx.add(skill_folder(tmp_path, name), name=name)
        old[name] = digest_of(api, name)
        sx.vault_rename(name, f"{name}-new")
    sx.vault_rename(f"{names[1]}-new", names[1])
    assert digest_of(api, names[1]) == old[names[1]]
    try:
        assert swept(api)["replaced zips"] == 0
        assert all(map(store.exists, old.values())), "somebody may be fetching them"
        api.clock.ahead = present + 3 * DAY
        assert swept(api)["replaced zips"] >= 1
        assert [store.exists(old[name]) for name in names] == [False, True]
        assert store.exists(digest_of(api, f"{names[0]}-new"))
        assert swept(api)["replaced zips"] == 0
    finally:
        api.clock.ahead = present
    assert sx.vault_show(names[1]).versions == ["1"]


def test_bytes_of_a_bundle_end_after_its_last_link(api: World, person: Person) -> None:
    """Row 25: and not while another link to the same bytes holds."""
    present = api.clock.ahead
    body = {"scope": "skill", "skillSlug": "release-helper"}
    store, day = api.app.context.private_store, DAY
    try:
        first = person.post("/api/v1/downloads", json=body).json()["data"]["content_sha"]
        api.clock.ahead = present + day + day // 2
        assert person.post("/api/v1/downloads", json=body).json()["data"]["content_sha"] == first
        api.clock.ahead = present + 2 * day + day // 4
        swept(api)
        assert store.exists(first)
        api.clock.ahead = present + 4 * day
        assert swept(api)["bundles"] >= 1
        assert not store.exists(first)
        again = person.post("/api/v1/downloads", json=body).json()["data"]
        assert store.exists(again["content_sha"])
    finally:
        api.clock.ahead = present
