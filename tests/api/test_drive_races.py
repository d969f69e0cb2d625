"""Two calls for one thing at once: each is told what came of it, and none is a fault of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.api.world import Person, World

CROWD = 24


def crowd(calls: list[Callable[[], Any]]) -> Counter[int]:
    with ThreadPoolExecutor(CROWD) as pool:
        return Counter(
            answer.status_code for answer in pool.map(lambda call: call(), calls * (CROWD // len(calls)))
        )


def test_skill_is_imported_hidden_and_removed_at_once(api: World) -> None:
    """Rows 6, 7 and 8."""
    person = api.person()
    for _ in range(4):
        statuses = crowd(
            [
                lambda: person.post("/api/v1/drive/import", json={"skillSlug": "text-facts"}),
                lambda: person.http.delete("/api/v1/drive/text-facts"),
                lambda: person.post("/api/v1/drive/text-facts/toggle", json={}),
            ]
        )
        assert statuses.keys() <= {200, 201, 402, 404, 409}, statuses


def test_collection_is_renamed_changed_and_deleted_at_once(api: World, person: Person) -> None:
    """Rows 17, 18 and 21: of several renames one finds the name."""
    path = "/api/v1/collections/one"
    for _ in range(4):
        assert person.post("/api/v1/collections", json={"name": "one", "skillSlugs": []}).status_code == 201
        renames = crowd(
            [partial(person.http.patch, path, json={"newName": f"two {number}"}) for number in range(6)]
        )
        assert renames[200] == 1, renames
        (left,) = [
            row["name"]
            for row in person.get("/api/v1/collections").json()["data"]["collections"]
            if row["name"].startswith("two ")
        ]
        path_left, body = f"/api/v1/collections/{left}", {"includeTeamSkills": False}
        statuses = crowd(
            [
                partial(person.http.patch, path_left, json=body),
                partial(person.http.delete, path_left),
            ]
        )
        assert statuses.keys() <= {200, 404}, statuses
