"""What the API remembers between calls is what it would answer anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from dynamic_api.database.engine import STAMP_SECONDS, Database, open_database
from dynamic_api.database.tables import api_keys
from dynamic_api.ids import digest
from dynamic_api.routes.table import ENDPOINTS
from dynamic_api.services.caller import SCOPED
from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.world import Person, World

DRIVE, SKILL = "/api/v1/drive", "/api/v1/skills/pdf-tools"


@pytest.fixture
def another(api: World) -> Iterator[Database]:
    """The database, as another process has it."""
    database = open_database(api.settings.data.database_url or f"sqlite:///{api.data / 'skillpress.db'}")
    yield database
    database.close()


def slugs(person: Person) -> list[str]:
    return [item["slug"] for item in person.get(DRIVE).json()["data"]["skills"]]


def test_key_that_another_process_revokes_is_refused_within_the_bound(
    api: World, person: Person, another: Database
) -> None:
    for _ in range(3):
        assert person.get(SKILL).status_code == 200
    revoke = update(api_keys).where(api_keys.c.sha256 == digest(person.key)).values(revoked_at=1)
    asyncio.run(another.write(lambda db: db.execute(revoke) and None))
    until = time.monotonic() + STAMP_SECONDS
    while time.monotonic() <= until:
        person.get(SKILL)
    assert person.get(SKILL).status_code == 401


def test_own_write_shows_in_the_next_answer(person: Person) -> None:
    for slug in ("pdf-tools", "text-facts"):
        before = slugs(person)
        assert person.post(f"{DRIVE}/import", json={"skillSlug": slug}).status_code == 201
        assert slugs(person) == [*before, slug]


def test_keys_of_one_account_do_not_share_what_they_see(api: World, person: Person) -> None:
    one = shelf.private(api, person, "only-one")
    shelf.private(api, person, "only-two")
    part = api.key(person, KeyOptions(kind=SCOPED, skill_ids=(one.skill_id,)))
    for _ in range(2):
        assert slugs(person) == ["only-one", "only-two"]
        assert slugs(part) == ["only-one"]
        assert part.get("/api/v1/skills/only-two").status_code == 404
        assert person.get("/api/v1/skills/only-two").status_code == 200


def test_answer_that_is_sent_again_has_the_same_fields(api: World, person: Person) -> None:
    first, second = person.get(SKILL), person.get(SKILL)
    changing = {"x-request-id", "date", "ratelimit-remaining", "ratelimit-reset"}
    assert {k: v for k, v in first.headers.items() if k not in changing} == {
        k: v for k, v in second.headers.items() if k not in changing
    }
    assert first.content == second.content
    unchanged = person.get(SKILL, headers={"if-none-match": f"W/{first.headers['etag']}"})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    same = ("etag", "cache-control", "vary")
    assert [unchanged.headers[name] for name in same] == [first.headers[name] for name in same]
    assert "content-type" not in unchanged.headers
    head = person.http.head(SKILL)
    assert (head.content, head.headers["content-length"]) == (b"", first.headers["content-length"])


def test_query_that_matters_is_part_of_what_is_remembered(person: Person) -> None:
    assert person.post(f"{DRIVE}/import", json={"skillSlug": "text-facts"}).status_code == 201
    assert person.post(f"{DRIVE}/text-facts/toggle").status_code == 200
    for _ in range(2):
        assert slugs(person) == []
        shown = person.get(DRIVE, params={"includeDisabled": "true"}).json()["data"]["skills"]
        assert [one["slug"] for one in shown] == ["text-facts"]


def test_only_reads_are_remembered() -> None:
    assert {endpoint.method for endpoint in ENDPOINTS if endpoint.remembered} == {"GET"}
