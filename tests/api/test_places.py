"""Where something is wrong is said in one notation; all tests of the API check it as well (world.py)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamic_api.errors import Inside
from dynamic_api.routes.places import located
from dynamic_api.routes.table import ENDPOINTS
from tests.api.world import PLACE, Person

ROOT = Path(__file__).resolve().parents[2]
HTML = {"content-type": "text/html"}


@pytest.mark.parametrize(
    ("method", "path", "said", "place"),
    [
        ("POST", "/api/v1/collections", "name", "body.name"),
        ("PATCH", "/api/v1/collections/{name}", "newName", "body.newName"),
        ("PATCH", "/api/v1/collections/{name}", "skillSlugs[1]", "body.skillSlugs[1]"),
        ("DELETE", "/api/v1/collections/{name}", "name", "path.name"),
        ("GET", "/api/v1/skills", "q", "query.q"),
        ("POST", "/api/uploads/process-skill", "file", "form.file"),
        # What is known already, or is not of the request, stays.
        ("POST", "/api/v1/collections", "body", "body"),
        ("POST", "/api/v1/collections", "body.name", "body.name"),
        ("POST", "/api/v1/collections", "header.Content-Type", "header.Content-Type"),
        ("POST", "/api/skills/usage", "body:3", "body:3"),
        ("POST", "/api/uploads/process-skill", "SKILL.md:3", "SKILL.md:3"),
        ("POST", "/api/uploads/process-skill", "scripts/run.sh", "scripts/run.sh"),
        ("POST", "/api/v1/drive/import", "api.example:443", "api.example:443"),
        ("POST", "/api/v1/drive/import", None, None),
    ],
)
def test_value_is_looked_for_in_each_part_of_the_request(
    method: str, path: str, said: str | None, place: str | None
) -> None:
    (endpoint,) = [item for item in ENDPOINTS if (item.method, item.path) == (method, path)]
    assert located(said, endpoint) == place


def test_file_that_is_called_like_a_value_stays_a_file() -> None:
    (upload,) = [item for item in ENDPOINTS if item.path == "/api/uploads/process-skill"]
    assert (located("file", upload), located(Inside("file"), upload)) == ("form.file", "file")


def places(folder: Path) -> Iterator[tuple[str, str]]:
    """Each constant place of an error below `folder`, with where it stands."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "place" and isinstance(node.value, ast.Constant):
                yield f"{path.relative_to(ROOT)}:{node.value.lineno}", str(node.value.value)


def test_services_name_the_value_and_not_the_part_of_the_request() -> None:
    found = [*places(ROOT / "dynamic_api" / "services"), *places(ROOT / "dynamic_api" / "runs")]
    assert len(found) > 50
    parts = ("body.", "query.", "path.", "form.")
    assert [item for item in found if item[1].startswith(parts)] == []


@pytest.mark.parametrize(
    ("request_of", "place"),
    [
        (("POST", "/api/v1/collections", {"json": {"name": "a/b"}}), "body.name"),
        (("POST", "/api/v1/collections", {"json": {"naming": "x"}}), "body.naming"),
        (("POST", "/api/v1/collections", {"content": b"{", "headers": HTML}), "header.Content-Type"),
        (("POST", "/api/v1/collections", {"content": b"{"}), "body"),
        (("PATCH", "/api/v1/collections/none", {"json": {"newName": "x"}}), "path.name"),
        (("GET", "/api/v1/skills?limit=none", {}), "query.limit"),
        (("GET", "/api/v1/skills/no-such-skill", {}), "path.slug"),
        (("GET", "/api/v1/skills?collection=none", {}), "query.collection"),
        (("POST", "/api/v1/drive/import", {"json": {"skillSlug": "no-such-skill"}}), "body.skillSlug"),
        (("POST", "/api/v1/downloads", {"json": {"scope": "skill", "skillSlug": "none"}}), "body.skillSlug"),
        (("POST", "/api/v1/downloads", {"json": {"scope": "skill"}}), "body.skillSlug"),
        (("POST", "/api/v1/runs", {"json": {"skillSlug": "none", "scriptName": "x"}}), "body.skillSlug"),
        (("DELETE", "/api/v1/drive/none", {}), "path.slug"),
        (("DELETE", "/api/v1/account/webhooks/none", {}), "path.id"),
        (("POST", "/api/v1/uploads/ticket", {"json": {"collectionName": "none"}}), "body.collectionName"),
        (("POST", "/api/skills/usage", {"content": b"{}"}), "body:1"),
        (("POST", "/api/skills/sx.profiles/active", {"json": {"slug": "none"}}), "body.slug"),
    ],
)
def test_answers_say_where(person: Person, request_of: tuple[str, str, Any], place: str) -> None:
    method, path, more = request_of
    answer = person.request(method, path, **more)
    body = answer.json()
    told = body["error"] if isinstance(body["error"], dict) else body
    assert answer.status_code >= 400
    assert told.get("place") == place, body


@pytest.mark.parametrize("place", ["name", "skillSlug", "line 3", "Content-Type", "query", "file", "args[1]"])
def test_guard_of_all_tests_refuses_what_is_uneven(place: str) -> None:
    assert PLACE.fullmatch(place) is None
