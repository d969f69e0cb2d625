"""Imports from GitHub (contracts/skillzdrive.md row 6), against a stand-in of its hosts on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import shelf
from tests.api.shelf import drive_slugs, error
from tests.api.stand import Stand
from tests.api.world import Person, World, serving, world
from tests.content_repo import Repo

URL = "https://github.com/acme/skills/tree/main/skills/notes"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    return Stand(Repo.init(tmp_path_factory.mktemp("github") / "skills"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, registry: Path, stand: Stand) -> Iterator[World]:
    """The API with the stand-in for GitHub."""
    folder = tmp_path_factory.mktemp("hub")
    with serving(stand.app()) as url:
        rules = {"api_url": url, "archive_url": url, "allow_hosts": [url.removeprefix("http://")]}
        with world(folder / "data", None, {"github": rules}, registry) as made:
            yield made


@pytest.fixture
def person(hub: World, stand: Stand) -> Person:
    """A new account; the repository has one skill."""
    stand.failing = False
    stand.repo.skill("notes", "First.")
    stand.repo.commit()
    return hub.person()


def take(person: Person, url: str = URL, **headers: str) -> Any:
    return person.post("/api/v1/drive/import", json={"skillSlug": url}, headers=headers)


def test_folder_becomes_a_private_skill(hub: World, person: Person) -> None:
    """Row 6: scanned, graded, paid, and its bytes can be had."""
    answer = take(person)
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    assert (data["slug"], data["version"], data["category"]) == ("notes", 1, "private")
    assert (data["security_grade"], data["credits_charged"], data["balance"]) == ("A", 1, 24)
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["github_url"], item["content_sha"]) == (URL, data["content_sha"])
    assert hub.app.context.private_store.exists(data["content_sha"])
    assert person.get("/api/skills/assets/notes/list.txt").text == "1\n"  # and so it is one of sx
    assert person.get("/api/skills/assets/notes/1/notes-1.zip").status_code == 200


def test_same_again_is_nothing_new(hub: World, person: Person) -> None:
    """Row 6: 200."""
    take(person)
    answer = take(person)
    assert (answer.status_code, answer.json()["data"]["credits_charged"]) == (200, 0)
    assert len(shelf.entries(hub, person)) == 2


def test_changed_folder_is_the_next_version(hub: World, person: Person, stand: Stand) -> None:
    """Row 6, D9: the holder's pin moves, the id stays."""
    first = take(person).json()["data"]
    stand.repo.skill("notes", "Second.")
    stand.repo.commit()
    second = take(person).json()["data"]
    assert (second["id"], second["version"], second["balance"]) == (first["id"], 2, 23)
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["version"], item["hasUpdate"]) == (2, False)


def test_name_of_another_source_is_kept(hub: World, person: Person) -> None:
    """D9."""
    shelf.private(hub, person, "notes", "mine")
    assert error(take(person)) == (409, "name_taken")
    assert shelf.entries(hub, person) == [(1, "grant", 25, 25)]


def test_repeat_with_a_key_asks_nobody(hub: World, person: Person, stand: Stand) -> None:
    """2.5."""
    first = take(person, **{"Idempotency-Key": "k"})
    stand.failing = True
    again = take(person, **{"Idempotency-Key": "k"})
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"


def test_failure_of_the_host_costs_nothing(hub: World, person: Person, stand: Stand) -> None:
    """4.4."""
    stand.failing = True
    assert error(take(person)) == (502, "github_failed")
    assert shelf.entries(hub, person) == [(1, "grant", 25, 25)]
    assert drive_slugs(person) == []


def test_full_drive_and_empty_purse(hub: World, person: Person) -> None:
    """4.3, 4.4."""
    shelf.set_user(hub, person, balance=0)
    assert error(take(person)) == (402, "insufficient_credits")
    for number in range(10):
        shelf.private(hub, person, f"held-{number}")
    assert error(take(person)) == (402, "quota_exceeded")
    assert "notes" not in drive_slugs(person)


def test_skill_that_is_not_fit(hub: World, person: Person, stand: Stand) -> None:
    """12.3."""
    stand.repo.write("skills/bad/SKILL.md", "no front matter")
    stand.repo.write("docs/README.md", "nothing")
    stand.repo.commit()
    assert error(take(person, URL.replace("notes", "bad")))[0] == 422
    answer = take(person, "https://github.com/acme/skills/tree/main/docs")
    assert error(answer) == (422, "not_a_skill")
    assert "skills/notes" in answer.json()["error"]["suggestions"]
    assert shelf.entries(hub, person) == [(1, "grant", 25, 25)]


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("https://github.com/acme/skills/tree/nothing/skills/notes", (404, "ref_not_found")),
        ("https://github.com/acme/skills/tree/main/skills/none", (404, "folder_not_found")),
        ("https://github.com/acme/others/tree/main/x", (404, "ref_not_found")),
        ("https://gitlab.com/acme/skills", (400, "bad_github_url")),
        ("http://github.com/acme/skills", (400, "bad_github_url")),
        ("github.com/acme/skills", (400, "bad_github_url")),
        ("https://github.com@evil.example/a/b", (400, "bad_github_url")),
        ("https://github.com/acme/skills/blob/main/x", (400, "bad_github_url")),
        ("https://github.com/acme/skills/tree/main/../..", (400, "bad_github_url")),
        ("file:///etc/passwd", (400, "bad_github_url")),
        ("https://github.com/" + "a" * 900, (400, "bad_github_url")),
    ],
)
def test_address_that_is_none(person: Person, url: str, refusal: tuple[int, str]) -> None:
    assert error(take(person, url)) == refusal
