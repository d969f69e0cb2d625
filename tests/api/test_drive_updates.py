"""Newer versions: listed, accepted, dismissed (contracts/skillzdrive.md rows 9–11, 12.3; DESIGN.md D14)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.shelf import error
from tests.api.world import Person, World, world
from tests.content_repo import Repo, build

UPDATES = "/api/v1/drive/updates"


def take(person: Person, slug: str) -> Any:
    return person.post("/api/v1/drive/import", json={"skillSlug": slug})


@pytest.fixture
def behind(api: World, person: Person) -> Person:
    """Holds pdf-tools at its first version; the second is published."""
    take(person, "pdf-tools")
    shelf.pin(api, person, "pdf-tools", 1)
    return person


def waiting(person: Person) -> list[dict[str, Any]]:
    answer = person.get(UPDATES)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["data"]["updates"]
    return found


def test_update_of_a_published_skill(api: World, behind: Person) -> None:
    """Row 9."""
    twin = api.anonymous.get("/api/v1/skills/pdf-tools").json()["data"]
    waiting(behind)
    letter = shelf.grade(api, "pdf-tools", twin["download"]["content_sha"])
    assert waiting(behind) == [
        {
            "id": twin["skill"]["id"],
            "slug": "pdf-tools",
            "fromVersion": 1,
            "toVersion": 2,
            "changeComment": None,
            "security_grade": letter,
            "credits_required": 1,
            "content_sha": twin["download"]["content_sha"],
        }
    ]
    (item,) = behind.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["version"], item["hasUpdate"]) == (1, True)


def test_update_of_somebody_elses_skill(api: World, person: Person) -> None:
    """Row 9: with the owner's comment and the grade of the scan."""
    owner = api.person()
    first = shelf.private(api, owner, "notes", "one")
    shelf.hold(api, person, first, "one")
    assert waiting(person) == []
    shelf.private(api, owner, "notes", "two", comment="Mend a link")
    shelf.private(api, owner, "notes", "three", comment="Say more")
    (update,) = waiting(person)
    assert (update["fromVersion"], update["toVersion"]) == (1, 3)
    assert (update["changeComment"], update["security_grade"]) == ("Say more", "B")
    accepted = person.post(f"{UPDATES}/notes/accept").json()["data"]
    assert accepted == {
        "slug": "notes",
        "fromVersion": 1,
        "toVersion": 3,
        "content_sha": shelf.sha256_of("three"),
        "credits_charged": 1,
        "balance": 24,
    }
    assert waiting(owner) == []


def test_accept_charges_once_and_moves_the_pin(api: World, behind: Person) -> None:
    """Row 10, 4.1."""
    answer = behind.post(f"{UPDATES}/pdf-tools/accept", headers={"Idempotency-Key": "a"})
    assert answer.status_code == 200
    again = behind.post(f"{UPDATES}/pdf-tools/accept", headers={"Idempotency-Key": "a"})
    assert again.content == answer.content
    assert shelf.entries(api, behind)[2:] == [(3, "update_accept", -1, 23)]
    assert error(behind.post(f"{UPDATES}/pdf-tools/accept")) == (404, "update_not_found")
    (item,) = behind.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["version"], item["hasUpdate"]) == (2, False)


def test_accept_without_credits_stays(api: World, behind: Person) -> None:
    """4.4."""
    shelf.set_user(api, behind, balance=0)
    assert error(behind.post(f"{UPDATES}/pdf-tools/accept")) == (402, "insufficient_credits")
    assert waiting(behind)[0]["fromVersion"] == 1


def test_dismiss_is_free_and_lasts_until_the_next_version(api: World, person: Person) -> None:
    """Row 11."""
    owner = api.person()
    shelf.hold(api, person, shelf.private(api, owner, "notes", "one"), "one")
    shelf.private(api, owner, "notes", "two")
    answer = person.post(f"{UPDATES}/notes/dismiss")
    assert answer.json()["data"] == {"slug": "notes", "version": 1, "dismissedVersion": 2}
    assert waiting(person) == []
    assert error(person.post(f"{UPDATES}/notes/dismiss")) == (404, "update_not_found")
    assert error(person.post(f"{UPDATES}/notes/accept")) == (404, "update_not_found")
    shelf.private(api, owner, "notes", "three")
    assert [item["toVersion"] for item in waiting(person)] == [3]
    assert shelf.entries(api, person) == [(1, "grant", 25, 25)]


def test_scoped_and_hidden(api: World, behind: Person) -> None:
    """3.3: a key updates what it sees."""
    key = api.key(behind, KeyOptions(kind="scoped"))
    assert waiting(key) == []
    absent = key.post(f"{UPDATES}/nothing-here/accept")
    unseen = key.post(f"{UPDATES}/pdf-tools/accept")
    assert error(absent) == error(unseen) == (404, "skill_not_found")
    assert absent.text.replace("nothing-here", "x") == unseen.text.replace("pdf-tools", "x")
    behind.post("/api/v1/drive/pdf-tools/toggle")
    assert waiting(behind) == []
    assert error(behind.post(f"{UPDATES}/pdf-tools/accept")) == (404, "skill_not_found")


def test_withdrawn_private_version_is_no_update(api: World, person: Person) -> None:
    """D14: revoked bytes are revoked wherever they lie."""
    owner = api.person()
    texts = [f"{person.id} {number}" for number in range(2)]
    shelf.hold(api, person, shelf.private(api, owner, "notes", texts[0]), texts[0])
    shelf.private(api, owner, "notes", texts[1])
    shelf.withdraw(api, shelf.sha256_of(texts[1]))
    assert waiting(person) == []
    answer = person.post(f"{UPDATES}/notes/accept")
    assert error(answer) == (410, "withdrawn")
    assert answer.headers["cache-control"] == "no-store"
    (item,) = owner.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["state"], item["reason"]) == ("quarantined", "it phones home")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Versions were taken back: of `turns` the second, of `mended` the first, of `bad` all."""
    folder = tmp_path_factory.mktemp("spoilt")
    repo = Repo.init(folder / "content")
    repo.write("registry.toml", '[registry]\nname = "acme"\n')
    for text in ("First.", "Second."):
        for name in ("turns", "mended"):
            repo.skill(name, text)
        repo.skill("bad")
        repo.commit(text)
        assert build(repo, folder / "dist").code == 0
    with world(folder / "data", None, {}, Path(folder / "dist")) as made:
        versions = made.app.context.catalogue.versions
        before = made.person(email="before@example.com")
        for slug in ("turns", "mended", "bad"):
            assert take(before, slug).status_code == 201
        for slug, ordinal in (("turns", 2), ("mended", 1), ("bad", 1)):
            shelf.withdraw(made, versions(slug)[ordinal - 1].sha256, f"{slug} was bad")
        yield made


def test_import_of_withdrawn_versions(spoilt: World) -> None:
    """D14, row 6: the newest good version is taken; without one it is gone."""
    person = spoilt.person()
    assert take(person, "turns").json()["data"]["version"] == 1
    assert take(person, "mended").json()["data"]["version"] == 2
    answer = take(person, "bad")
    assert error(answer) == (410, "withdrawn")
    assert "bad was bad" in answer.json()["error"]["message"]
    assert shelf.entries(spoilt, person)[-1][3] == 23


def test_withdrawn_pin_is_shown_and_left_for_nothing(spoilt: World) -> None:
    """D14, row 10."""
    person = spoilt.person()
    take(person, "mended")
    shelf.pin(spoilt, person, "mended", 1)
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["version"], item["state"], item["reason"]) == (1, "quarantined", "mended was bad")
    assert waiting(person)[0]["credits_required"] == 0
    accepted = person.post(f"{UPDATES}/mended/accept").json()["data"]
    assert (accepted["toVersion"], accepted["credits_charged"], accepted["balance"]) == (2, 0, 24)


def test_update_to_a_withdrawn_version(spoilt: World) -> None:
    """D14."""
    person = spoilt.person()
    take(person, "turns")
    assert waiting(person) == []
    for verb in ("accept", "dismiss"):
        assert error(person.post(f"{UPDATES}/turns/{verb}")) == (410, "withdrawn")


@pytest.mark.parametrize("slug", ["nothing", "%00", "x" * 3000, "PDF-TOOLS"])
@pytest.mark.parametrize("verb", ["accept", "dismiss"])
def test_update_of_nothing(person: Person, verb: str, slug: str) -> None:
    assert error(person.post(f"{UPDATES}/{slug}/{verb}")) in {
        (404, "skill_not_found"),
        (400, "validation_error"),
    }
