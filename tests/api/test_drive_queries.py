"""However many skills a drive has, a call asks the database as often (contracts: no query in a loop)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.api import shelf
from tests.api.world import Person, World

ROUNDS = (
    "webhook_deliveries",
    "PRAGMA",
    "telemetry",
    "bundles",
    "facts NOT LIKE",
    "usage_reports",
    "replaced_bytes",
)
"""What is in statements of tasks that look now and then."""


@contextmanager
def counted(api: World) -> Iterator[list[str]]:
    """Every statement of calls that only read, but for the server's own rounds and what they write."""
    found: list[str] = []
    engine = api.app.context.database.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        own = threading.current_thread().name == "database-writer" or any(
            word in statement for word in ROUNDS
        )
        if not own:
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def calls(person: Person, held: int) -> dict[str, Any]:
    """A call of each kind that looks at many skills."""
    local = [
        {
            "slug": f"new-{number}",
            "content_sha": "a" * 64,
            "size_bytes": 1,
            "source": "skillzdrive:text-facts",
        }
        for number in range(held)
    ]
    digests = [{"slug": item["slug"], "content_sha": item["content_sha"]} for item in local]
    preview = {"local": local}
    return {
        "list": lambda: person.get("/api/v1/drive"),
        "updates": lambda: person.get("/api/v1/drive/updates"),
        "preview": lambda: person.post("/api/v1/drive/sync/preview", json=preview),
        "diff": lambda: person.post("/api/v1/drive/diff", json={"local": digests}),
        "collections": lambda: person.get("/api/v1/collections"),
    }


@pytest.mark.parametrize("kind", ["list", "updates", "preview", "diff", "collections"])
def test_as_many_statements_for_one_skill_as_for_many(api: World, kind: str) -> None:
    asked = []
    for held in (1, 12):
        owner, person = api.person(tier="pro"), api.person(tier="pro")
        person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
        shelf.pin(api, person, "pdf-tools", 1)
        for number in range(held):
            slug = f"held-{number}"
            shelf.hold(api, person, shelf.private(api, owner, slug, "one"), "one")
            shelf.private(api, owner, slug, "two")
            person.post("/api/v1/collections", json={"name": slug, "skillSlugs": [slug]})
        call = calls(person, held)[kind]
        assert call().status_code == 200
        shelf.set_user(api, person, name=f"changed {held}")
        with counted(api) as statements:
            assert call().status_code == 200
        asked.append(statements)
    assert len(asked[0]) == len(asked[1]), asked
    assert len(asked[0]) <= 6
