"""Rows 25 and 26: bundles with a link for 24 hours, and public bytes by digest."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import parse
from registry_builder.core.errors import Misuse
from tests.api.packages import skill_zip
from tests.api.test_uploads import upload
from tests.api.world import Person, World, world


def artifact(registry: Path, name: str) -> tuple[str, bytes]:
    """The newest digest of a published skill, and its bytes."""
    row = json.loads((registry / f"api/v1/index/{name}.json").read_bytes())["versions"][-1]
    path = registry / f"api/v1/downloads/public/{name}/{row['sha256']}.zip"
    return row["sha256"], path.read_bytes()


def made(person: Person, **body: Any) -> dict[str, Any]:
    answer = person.post("/api/v1/downloads", json=body)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def fetched(api: World, data: dict[str, Any]) -> zipfile.ZipFile:
    answer = api.anonymous.get(api.url + data["url"][data["url"].index("/api/") :])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    assert hashlib.sha256(answer.content).hexdigest() == data["content_sha"]
    assert len(answer.content) == data["content_size"]
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_drive_is_bundled_with_public_and_private_skills(api: World, person: Person) -> None:
    """Row 25, scope drive: free, and the same bytes for the same skills."""
    upload(api, person, skill_zip("mine-own", script=True))
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    before = person.get("/api/v1/account/credits").json()["data"]["balance"]
    first, second = made(person, scope="drive"), made(person, scope="drive")
    assert first["content_sha"] == second["content_sha"]
    names = fetched(api, first).namelist()
    assert names == ["mine-own/SKILL.md", "mine-own/scripts/run.py", "pdf-tools/SKILL.md"]
    assert (first["skills"], first["left_out"], first["filename"]) == (2, [], "drive.zip")
    assert person.get("/api/v1/account/credits").json()["data"]["balance"] == before


def test_one_skill_need_not_be_in_the_drive(api: World, person: Person) -> None:
    """Row 25, scope skill."""
    assert fetched(api, made(person, scope="skill", skillSlug="text-facts")).namelist() == [
        "text-facts/SKILL.md",
        "text-facts/scripts/facts.py",
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scope": "skill"}, 400, "validation_error"),
        ({"scope": "collection"}, 400, "validation_error"),
        ({"scope": "everything"}, 400, "validation_error"),
        ({}, 400, "validation_error"),
        ({"scope": "drive", "slug": "x"}, 400, "validation_error"),
        ({"scope": "skill", "skillSlug": "no-such"}, 404, "skill_not_found"),
        ({"scope": "collection", "collectionName": "none"}, 404, "collection_not_found"),
        ({"scope": "drive"}, 404, "nothing_to_download"),
        ({"scope": "skill", "skillSlug": "a\u0000b"}, 400, "validation_error"),
    ],
)
def test_what_cannot_be_bundled_is_refused(
    person: Person, body: dict[str, str], status: int, code: str
) -> None:
    """Row 25: 400 when the scope's companion is missing."""
    answer = person.post("/api/v1/downloads", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_private_skill_of_another_is_not_there(api: World, person: Person) -> None:
    upload(api, person, skill_zip("secret-one"))
    other = api.person()
    answer = other.post("/api/v1/downloads", json={"scope": "skill", "skillSlug": "secret-one"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "skill_not_found")


def test_scoped_key_bundles_its_own_collection_only(api: World) -> None:
    scoped = api.person(options=KeyOptions(kind="scoped"))
    upload(api, scoped, skill_zip("in-list"))
    assert made(scoped, scope="collection", collectionName="main")["skills"] == 1


def test_link_ends_after_a_day_and_holds_for_nothing_else(api: World, person: Person) -> None:
    """Row 25: good for 24 hours."""
    present = api.clock.ahead
    data = made(person, scope="skill", skillSlug="pdf-tools")
    link = api.url + data["url"][data["url"].index("/api/") :]
    assert api.anonymous.get(link.replace("pdf-tools.zip", "other.zip")).status_code == 403
    other = link.replace(data["content_sha"], "0" * 64)
    assert api.anonymous.get(other).status_code == 403
    assert api.anonymous.get(link.partition("?")[0]).status_code == 400
    api.clock.ahead = present + 24 * 3_600_000 + 1000
    try:
        late = api.anonymous.get(link)
        assert (late.status_code, late.json()["error"]["code"]) == (403, "link_expired")
    finally:
        api.clock.ahead = present


def test_public_bytes_are_exact_and_immutable(api: World, person: Person, registry: Path) -> None:
    """Row 26, with and without a key."""
    sha256, body = artifact(registry, "pdf-tools")
    path = f"/api/v1/downloads/public/pdf-tools/{sha256}.zip"
    for client in (api.anonymous, person):
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        tag = answer.headers["etag"]
        # A proxy that compresses makes the tag weak.
        for shown in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = client.get(path, headers={"if-none-match": shown})
            assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["pdf-tools/" + "0" * 64 + ".zip", "text-facts/{sha}.zip", "none/{sha}.zip", "pdf-tools/x.zip"]
)
def test_unknown_pair_is_absent(api: World, person: Person, registry: Path, path: str) -> None:
    """Row 26."""
    sha256, _ = artifact(registry, "pdf-tools")
    answer = person.get(f"/api/v1/downloads/public/{path.format(sha=sha256)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "artifact_not_found")


def test_elsewhere_is_a_redirect_that_carries_no_signature(tmp_path: Path, registry: Path) -> None:
    """9.4: 302 to the unsigned digest URL, for five minutes."""
    settings = {
        "server": {"assets_url": "https://cdn.example/skills", "public_url": "https://api.example"},
        "data": {"registry": str(registry)},
    }
    sha256, _ = artifact(registry, "pdf-tools")
    with world(tmp_path / "data", None, settings) as api:
        answer = api.anonymous.get(f"/api/v1/downloads/public/pdf-tools/{sha256}.zip", follow_redirects=False)
        assert answer.status_code == 302
        target = f"https://cdn.example/skills/api/v1/downloads/public/pdf-tools/{sha256}.zip"
        assert answer.headers["location"] == target
        assert answer.headers["cache-control"] == "public, max-age=300"


def test_damaged_bucket_is_not_passed_on(tmp_path: Path, registry: Path) -> None:
    """A digest that does not fit is a fault of the bucket, and never served."""
    import shutil

    copy = tmp_path / "dist"
    shutil.copytree(registry, copy)
    sha256, body = artifact(copy, "pdf-tools")
    with world(tmp_path / "data", None, {"data": {"registry": str(copy)}}) as api:
        path = copy / f"api/v1/downloads/public/pdf-tools/{sha256}.zip"
        path.chmod(0o644)
        path.write_bytes(body[:-1] + b"x")
        answer = api.anonymous.get(f"/api/v1/downloads/public/pdf-tools/{sha256}.zip")
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "damaged_artifact")


def test_operator_may_shorten_the_life_of_links(tmp_path: Path, registry: Path) -> None:
    """The link ends when the answer says so."""
    with world(tmp_path / "data", None, {"downloads": {"hours": 1}}, registry) as api:
        person = api.person()
        data = made(person, scope="skill", skillSlug="pdf-tools")
        link = api.url + data["url"][data["url"].index("/api/") :]
        assert api.anonymous.get(link).status_code == 200
        api.clock.ahead = 3_600_000 + 1000
        assert api.anonymous.get(link).status_code == 403


@pytest.mark.parametrize("hours", [0, 25, -1])
def test_life_of_links_has_its_bounds(hours: int) -> None:
    """Row 25: 24 hours at the most; the bytes go soon after."""
    with pytest.raises(Misuse) as refused:
        parse({"downloads": {"hours": hours}}, "test")
    assert "downloads.hours" in refused.value.message


def test_bytes_by_digest_are_for_whoever_asks(api: World, registry: Path) -> None:
    """Row 26: sx sends its token wherever a lock points, from the bare bucket one that means nothing here."""
    sha256, body = artifact(registry, "pdf-tools")
    head = {"authorization": "Bearer any"}
    lock = api.anonymous.get("/sx/documents/api/skills/sx.lock", headers=head)
    assert (lock.status_code, sha256 in lock.text or "pdf-tools" in lock.text) == (200, True)
    answer = api.anonymous.get(f"/api/v1/downloads/public/pdf-tools/{sha256}.zip", headers=head)
    assert (answer.status_code, answer.content) == (200, body)
