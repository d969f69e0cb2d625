"""The leaderboard (contracts/skillzdrive.md row 4), what it counts, and stars, a route of our own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, select

from dynamic_api.clock import DAY
from dynamic_api.database.tables import audit_events, ratings, skill_days
from dynamic_api.services import popularity
from dynamic_api.services.popularity import EXECUTIONS, INSTALLS
from tests.api import shelf
from tests.api.shelf import error, published_id
from tests.api.world import Person, World

PATH = "/api/v1/skills/leaderboard"


@pytest.fixture(autouse=True)
def _nothing_counted(api: World) -> None:
    """Begin with empty counters, and let the minute of the last count be over."""
    for table in (skill_days, ratings):
        api.write(lambda db, table=table: db.execute(delete(table)).rowcount)
    api.clock.ahead += 61_000


def board(person: Person, **query: str) -> list[tuple[str, Any]]:
    """Slug and the figure that was sorted by."""
    answer = person.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    return [(skill["slug"], skill[data["sort_by"]]) for skill in data["skills"]]


def use(api: World, slug: str, count: int, kind: Any = EXECUTIONS, days_ago: int = 0) -> None:
    moment = api.clock() - days_ago * DAY
    for _ in range(count):
        api.write(lambda db: popularity.count(db, [published_id(slug)], kind, moment))


def test_most_run_first(api: World, person: Person) -> None:
    """Row 4: executions by default, over 30 days."""
    use(api, "pdf-tools", 2)
    use(api, "text-facts", 1)
    use(api, "text-facts", 2, days_ago=29)
    use(api, "release-helper", 9, days_ago=30)
    assert board(person) == [("text-facts", 3), ("pdf-tools", 2)]


def test_whole_entry(api: World, person: Person) -> None:
    use(api, "pdf-tools", 2)
    use(api, "pdf-tools", 1, INSTALLS)
    person.put("/api/v1/skills/pdf-tools/rating", json={"stars": 4})
    twin = api.anonymous.get("/api/v1/skills/pdf-tools").json()["data"]["skill"]
    figures = {"executions": 2, "installs": 1, "rating": 4.0, "ratings": 1}
    data = person.get(PATH).json()["data"]
    assert data == {"sort_by": "executions", "days": 30, "skills": [twin | figures]}


def test_imports_count_as_installs(api: World, person: Person) -> None:
    for one in (person, api.person()):
        one.post("/api/v1/drive/import", json={"skillSlug": "text-facts"})
        one.post("/api/v1/drive/import", json={"skillSlug": "text-facts"})
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    assert board(person, sort_by="installs") == [("text-facts", 2), ("pdf-tools", 1)]


def test_rating_needs_more_than_one_friend(api: World, person: Person) -> None:
    """Row 4: rating. One account's five stars do not beat many fours."""
    fans = [api.person() for _ in range(4)]
    for fan in fans:
        fan.put("/api/v1/skills/text-facts/rating", json={"stars": 4})
    person.put("/api/v1/skills/pdf-tools/rating", json={"stars": 5})
    person.put("/api/v1/skills/release-helper/rating", json={"stars": 1})
    assert board(person, sort_by="rating") == [
        ("text-facts", 4.0),
        ("pdf-tools", 5.0),
        ("release-helper", 1.0),
    ]


def test_private_skills_are_not_on_it(api: World, person: Person) -> None:
    """Row 4: public and premium."""
    mine = shelf.private(api, person, "only-mine")
    api.write(lambda db: popularity.count(db, [mine.skill_id], EXECUTIONS, api.clock()))
    use(api, "pdf-tools", 1)
    assert board(person) == [("pdf-tools", 1)]


def test_no_more_than_ten(api: World, person: Person) -> None:
    """Row 4: top 10, no limit by design."""
    use(api, "pdf-tools", 1)
    strangers = [f"{number:032x}" for number in range(20)]
    api.write(lambda db: popularity.count(db, strangers, EXECUTIONS, api.clock()))
    assert board(person) == [("pdf-tools", 1)]
    assert person.get(PATH, params={"limit": 3}).status_code == 200


def test_it_is_counted_once_a_minute(api: World, person: Person) -> None:
    use(api, "pdf-tools", 1)
    assert board(person) == [("pdf-tools", 1)]
    use(api, "pdf-tools", 1)
    assert board(person) == [("pdf-tools", 1)]
    api.clock.ahead += 61_000
    assert board(person) == [("pdf-tools", 2)]


def test_counts_from_many_at_once_are_all_there(api: World) -> None:
    ids = [published_id("pdf-tools"), published_id("text-facts")]

    def add(number: int) -> None:
        api.write(lambda db: popularity.count(db, ids[:: 1 if number % 2 else -1], INSTALLS, api.clock()))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    query = select(skill_days.c.installs).order_by(skill_days.c.skill_id)
    assert api.read(lambda db: db.execute(query).scalars().all()) == [40, 40]


@pytest.mark.parametrize("value", ["stars", "", "EXECUTIONS", "executions,installs"])
def test_bad_order(person: Person, value: str) -> None:
    """Row 4: bad sort_by."""
    answer = person.get(PATH, params={"sort_by": value})
    assert (*error(answer), answer.json()["error"]["place"]) == (400, "validation_error", "query.sort_by")


def test_it_needs_a_key(api: World) -> None:
    assert api.anonymous.get(PATH).status_code == 401


def test_stars(api: World, person: Person) -> None:
    """PUT and DELETE of a rating: one for each account, and an audit event for each change."""
    path = "/api/v1/skills/pdf-tools/rating"
    first = person.put(path, json={"stars": 2}).json()["data"]
    assert first == {"slug": "pdf-tools", "stars": 2, "rating": 2.0, "ratings": 1}
    assert person.put(path, json={"stars": 5}).json()["data"] == first | {"stars": 5, "rating": 5.0}
    other = api.person().put(path, json={"stars": 2}).json()["data"]
    assert (other["rating"], other["ratings"]) == (3.5, 2)
    assert person.delete(path).status_code == 204
    assert error(person.delete(path)) == (404, "rating_not_found")
    events = select(audit_events.c.event).where(audit_events.c.actor_id == person.id)
    assert api.read(lambda db: db.execute(events.order_by(audit_events.c.at)).scalars().all()) == [
        "SKILL_RATED",
        "SKILL_RATED",
        "RATING_REMOVED",
    ]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "body.stars"),
        ({"stars": None}, "body.stars"),
        ({"stars": 0}, "body.stars"),
        ({"stars": 6}, "body.stars"),
        ({"stars": 2.5}, "body.stars"),
        ({"stars": "5"}, "body.stars"),
        ({"stars": True}, "body.stars"),
        ({"stars": 5, "text": "good"}, "body.text"),
    ],
)
def test_bad_stars(person: Person, body: Any, place: str) -> None:
    answer = person.put("/api/v1/skills/pdf-tools/rating", json=body)
    assert (*error(answer), answer.json()["error"]["place"]) == (400, "validation_error", place)


def test_only_what_is_published_is_rated(api: World, person: Person) -> None:
    shelf.private(api, person, "my-own")
    for slug in ("my-own", "nothing", "documents"):
        for answer in (
            person.put(f"/api/v1/skills/{slug}/rating", json={"stars": 5}),
            person.delete(f"/api/v1/skills/{slug}/rating"),
        ):
            assert error(answer) == (404, "skill_not_found")
