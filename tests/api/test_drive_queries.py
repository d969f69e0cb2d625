"""However many skills a drive has, a call asks the database as often (contracts: no query in a loop)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.api import shelf
from tests.api.world import Person, World


@contextmanager
def counted(api: World) -> Iterator[list[str]]:
    """Every statement that is executed meanwhile, for whatever reason but the server's own rounds."""
    found: list[str] = []
    engine = api.app.context.database.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not any(word in statement for word in ("webhook_deliveries", "PRAGMA", "SAVEPOINT", "telemetry")):
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
    counts = []
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
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 6
