"""Download links ask for the state of what they lead to at each use (row 25, 9.4; DESIGN.md D14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import delete, select, update

from dynamic_api.database.tables import shares, skills, team_members
from tests import s3_server
from tests.api import shelf
from tests.api.packages import skill_zip
from tests.api.test_downloads import made
from tests.api.test_uploads import upload
from tests.api.world import Person, World, world


@pytest.fixture(scope="module")
def bucketed(s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """The API with its private store in an S3 bucket."""
    address = s3_server.address(s3_endpoint, s3_server.new_bucket(s3_endpoint), "kept")
    folder = tmp_path_factory.mktemp("bucketed")
    with world(folder / "data", None, {"data": {"private_store": address}}, registry) as api:
        yield api


def link_of(api: World, data: dict[str, Any]) -> str:
    return api.url + data["url"][data["url"].index("/api/") :]


def id_of(api: World, slug: str) -> str:
    return api.read(lambda db: db.execute(select(skills.c.id).where(skills.c.slug == slug)).scalar_one())


def forget_share(api: World, skill: str, person: Person) -> None:
    mine = (shares.c.skill_id == skill, shares.c.recipient_id == person.id)
    api.write(lambda db: db.execute(update(shares).where(*mine).values(status="revoked")) and None)


def forget_member(api: World, _skill: str, person: Person) -> None:
    mine = team_members.c.user_id == person.id
    api.write(lambda db: db.execute(delete(team_members).where(mine)) and None)


def delete_skill(api: World, skill: str, _person: Person) -> None:
    gone = update(skills).where(skills.c.id == skill).values(deleted_at=1)
    api.write(lambda db: db.execute(gone) and None)


def shared(api: World, owner: Person, skill: str, person: Person) -> None:
    shelf.share(api, owner, skill, person)


def of_team(api: World, owner: Person, skill: str, person: Person) -> None:
    shelf.team(api, owner, [skill], owner, person)


@pytest.mark.parametrize(
    ("give", "take"),
    [
        (shared, forget_share),
        (of_team, forget_member),
        (shared, delete_skill),
    ],
)
def test_link_ends_with_the_right_to_it(
    api: World, person: Person, give: Callable[..., None], take: Callable[..., None]
) -> None:
    """Row 25: what the caller may not see any more answers as what is not there; the owner's link goes on."""
    slug = f"lent-{person.id[:12]}"
    upload(api, person, skill_zip(slug))
    skill, other = id_of(api, slug), api.person()
    give(api, person, skill, other)
    mine, theirs = (link_of(api, made(one, scope="skill", skillSlug=slug)) for one in (person, other))
    both = [api.anonymous.get(link).status_code for link in (mine, theirs)]
    assert both == [200, 200]
    take(api, skill, other)
    answer = api.anonymous.get(theirs)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert api.anonymous.get(mine).status_code == (404 if take is delete_skill else 200)


def test_link_goes_on_while_the_right_does(api: World, person: Person) -> None:
    """Row 25, 24 hours: neither an update nor a smaller drive ends the link to what was bundled."""
    slug = f"kept-{person.id[:12]}"
    upload(api, person, skill_zip(slug))
    link = link_of(api, made(person, scope="drive"))
    upload(api, person, skill_zip(slug, script=True))
    assert api.anonymous.get(link).status_code == 200
    assert person.delete(f"/api/v1/drive/{slug}").status_code == 200
    assert api.anonymous.get(link).status_code == 200


def test_public_bytes_are_nobodys_to_lose(api: World, person: Person) -> None:
    """Whoever uploaded the same bytes for themselves takes nothing from others."""
    version = api.app.context.catalogue.versions("pdf-tools")[-1]
    shelf.private(api, api.person(), "same-bytes")
    link = link_of(api, made(person, scope="skill", skillSlug="pdf-tools"))
    assert version.sha256
    assert api.anonymous.get(link).status_code == 200


def test_bytes_in_a_bucket_are_a_redirect_for_moments(bucketed: World) -> None:
    """Row 25 and 9.4: the link is ours for a day; where it leads to holds for two minutes."""
    person = bucketed.person()
    upload(bucketed, person, skill_zip("mine"))
    data = made(person, scope="drive")
    link = link_of(bucketed, data)
    answer = bucketed.anonymous.get(link)
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "private, no-store")
    target = urlsplit(answer.headers["location"])
    assert parse_qs(target.query)["X-Amz-Expires"] == ["120"]
    with httpx2.Client(trust_env=False) as client:
        got = client.get(target.geturl())
    assert (got.status_code, len(got.content)) == (200, data["content_size"])
    assert got.headers["content-disposition"] == 'attachment; filename="drive.zip"'
    bucketed.app.context.private_store.delete(data["content_sha"])
    assert bucketed.anonymous.get(link).status_code == 404


def test_link_of_sync_to_bytes_in_a_bucket_is_ours(bucketed: World) -> None:
    """5.3: `download_url` of a private skill ends with a revocation, wherever its bytes lie."""
    person = bucketed.person()
    answer = upload(bucketed, person, skill_zip("synced"))
    body = {"local": [], "hosted_known": []}
    preview = person.post("/api/v1/drive/sync/preview", json=body).json()["data"]
    run = {
        "install_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        "kind": "manual",
        "mode": "all",
        "classifications": preview["classifications"],
    }
    (item,) = person.post("/api/v1/drive/sync/execute", json=run).json()["data"]["results"]
    link = link_of(bucketed, {"url": item["download_url"]})
    assert bucketed.anonymous.get(link).status_code == 302
    shelf.withdraw(bucketed, str(answer.json()["contentSha"]))
    gone = bucketed.anonymous.get(link)
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "withdrawn")
