"""Discovery (contracts/skillzdrive.md row 3): what is published, and the operator's GitHub sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.shelf import error
from tests.api.stand import Stand
from tests.api.world import Person, World, serving, world
from tests.content_repo import Repo

PATH = "/api/v1/skills/discover"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """`acme/skills` with 14 skills about facts."""
    repo = Repo.init(tmp_path_factory.mktemp("github") / "skills")
    for number in range(14):
        repo.skill(f"facts-{number:02d}")
    repo.commit("Add many")
    return Stand(repo)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, registry: Path, stand: Stand) -> Iterator[World]:
    """The API with one repository that is there, and one that is not."""
    folder = tmp_path_factory.mktemp("hub")
    with serving(stand.app()) as url:
        rules = {
            "api_url": url,
            "archive_url": url,
            "allow_hosts": [url.removeprefix("http://")],
            "sources": ["acme/skills", "acme/gone"],
        }
        with world(folder / "data", None, {"github": rules}, registry) as made:
            yield made


@pytest.fixture
def seeker(hub: World) -> Person:
    """Somebody who asks once both repositories were read."""
    person = hub.person()
    for _ in range(3000):
        sources = discover(person, "x")["sources"]
        if sources[0]["skills"] and sources[1]["failure"]:
            return person
    raise AssertionError(sources)


def discover(person: Any, keywords: str, **query: Any) -> Any:
    answer = person.get(PATH, params={"keywords": keywords, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_published_first_then_the_sources(hub: World, seeker: Person, stand: Stand) -> None:
    """Row 3: marketplace and cached GitHub sources, ten results a page, with the age of each list."""
    page = discover(seeker, "facts")
    assert [skill["slug"] for skill in page["skills"]] == [
        "text-facts",
        *(f"facts-{number:02d}" for number in range(9)),
    ]
    assert (page["offset"], page["next_offset"]) == (0, 10)
    twin = hub.anonymous.get("/api/v1/skills/text-facts").json()["data"]["skill"]
    assert page["skills"][0] == twin | {"source": "marketplace"}
    assert page["skills"][1] == {
        "slug": "facts-00",
        "name": "facts-00",
        "description": "Does facts-00. Use it when facts-00 is asked for.",
        "tags": [],
        "github_url": "https://github.com/acme/skills/tree/HEAD/skills/facts-00",
        "repository": "acme/skills",
        "id": None,
        "version": None,
        "category": "github",
        "source": "github",
    }
    there, gone = page["sources"]
    assert (there["repository"], there["skills"], there["failure"]) == ("acme/skills", 14, None)
    assert there["age_seconds"] < 60
    assert (gone["repository"], gone["skills"], gone["age_seconds"]) == ("acme/gone", 0, None)
    assert gone["failure"]


def test_pages_do_not_overlap_and_end(seeker: Person) -> None:
    """Row 3: offset."""
    found: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page = discover(seeker, "facts", offset=offset)
        found += [skill["slug"] for skill in page["skills"]]
        offset = page["next_offset"]
    assert found == ["text-facts", *(f"facts-{number:02d}" for number in range(14))]
    assert discover(seeker, "facts", offset=7)["skills"][0]["slug"] == "facts-06"
    assert discover(seeker, "facts", offset=10**12)["skills"] == []


@pytest.mark.parametrize(
    ("keywords", "count"), [("facts 07", 2), ("acme", 10), ("pdf", 1), ("zebra", 0), ("***", 0), ("%", 0)]
)
def test_words(seeker: Person, keywords: str, count: int) -> None:
    assert len(discover(seeker, keywords)["skills"]) == count


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("", "query.keywords"),
        ("keywords=", "query.keywords"),
        ("keywords=" + "x" * 1001, "query.keywords"),
        ("keywords=a%00", "query.keywords"),
        ("keywords=a&offset=-1", "query.offset"),
        ("keywords=a&offset=x", "query.offset"),
        ("keywords=a&offset=9999999999999999999999", "query.offset"),
    ],
)
def test_bad_query(seeker: Person, query: str, place: str) -> None:
    answer = seeker.get(f"{PATH}?{query}")
    assert (*error(answer), answer.json()["error"]["place"]) == (400, "validation_error", place)


def test_it_needs_a_key(hub: World) -> None:
    assert error(hub.anonymous.get(PATH, params={"keywords": "facts"})) == (401, "access_denied")


def test_github_is_asked_when_a_list_is_old_and_not_for_each_call(seeker: Person, stand: Stand) -> None:
    asked = len(stand.asked)
    for _ in range(5):
        discover(seeker, "facts")
    assert len(stand.asked) == asked


def test_without_sources(api: World, person: Person) -> None:
    page = discover(person, "pdf")
    assert ([skill["slug"] for skill in page["skills"]], page["sources"]) == (["pdf-tools"], [])
    assert page["next_offset"] is None
