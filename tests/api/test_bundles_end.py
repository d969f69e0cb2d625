"""Bundles end when a skill in them is taken back (DESIGN.md D14)."""

from __future__ import annotations

import asyncio
from typing import Any

from dynamic_api.tasks.bundle_keeper import BundleKeeper
from tests.api import shelf
from tests.api.packages import skill_zip
from tests.api.test_downloads import made
from tests.api.test_uploads import upload
from tests.api.world import Person, World


def link_of(api: World, data: dict[str, Any]) -> str:
    return api.url + data["url"][data["url"].index("/api/") :]


def uploaded(api: World, person: Person) -> str:
    """Upload a skill that no other test has; the digest of its artifact."""
    answer = upload(api, person, skill_zip(f"mine-{person.id}"))
    return str(answer.json()["contentSha"])


def sweep(api: World) -> None:
    """What the keeper does beside the requests, now."""
    context = api.app.context
    keeper = BundleKeeper(context.database, context.published, context.private_store, context.clock)

    asyncio.run(keeper.drop_withdrawn())


def test_link_to_bytes_that_were_taken_back_is_withdrawn(api: World, person: Person) -> None:
    """D14, row 25: 410 on every byte, also on those bundled before; other bundles go on."""
    other = api.person()
    upload(api, other, skill_zip("harmless"))
    sha256 = uploaded(api, person)
    link, harmless = (link_of(api, made(one, scope="drive")) for one in (person, other))
    assert api.anonymous.get(link).status_code == 200
    shelf.withdraw(api, sha256)
    answer = api.anonymous.get(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "withdrawn")
    assert answer.headers["cache-control"] == "no-store"
    assert "it phones home" in answer.json()["error"]["message"]
    assert api.anonymous.get(harmless).status_code == 200


def test_withdrawn_bundles_leave_the_store_where_links_end_elsewhere(api: World, person: Person) -> None:
    """D14: a link that was presigned for S3 does not pass by us, so the bytes must go."""
    sha256 = uploaded(api, person)
    data = made(person, scope="drive")
    store = api.app.context.private_store
    assert store.exists(data["content_sha"])
    shelf.withdraw(api, sha256)
    sweep(api)
    assert not store.exists(data["content_sha"])
    assert api.anonymous.get(link_of(api, data)).status_code == 410
