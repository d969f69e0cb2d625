"""Bodies of sync and diff that are refused, each with its place (issue 5, "Bad input")."""

from __future__ import annotations

from typing import Any

import pytest

from dynamic_api.services.keys import KeyOptions
from tests.api.shelf import error
from tests.api.syncing import (
    SYNC,
    A,
    B,
    known,
    local,
)
from tests.api.world import Person, World

GOOD = {
    "preview": {"local": [local("a", A)], "hosted_known": [known("a", A)]},
    "execute": {
        "install_id": "00000000-0000-4000-8000-000000000000",
        "kind": "manual",
        "mode": "all",
        "classifications": [
            {
                "slug": "a",
                "direction": "push",
                "action": "upload_private",
                "credits_required": 1,
                "canonical_skill_id": None,
                "reason": "",
            }
        ],
    },
    "finalize": {"run_id": "0" * 32, "item_results": [{"slug": "a", "status": "committed"}], "counters": {}},
    "diff": {"local": [known("a", A)]},
}
REQUIRED = {
    "preview": {"local"},
    "execute": {"install_id", "kind", "mode", "classifications"},
    "finalize": {"run_id"},
    "diff": {"local"},
}
ODD_VALUES = [None, 7, -1, 1.5, "", "A" * 5000, "\0", [], {}, [None], [[]], [7], True, ["a"]]


def bad_bodies() -> list[Any]:
    found = []
    for name, body in GOOD.items():
        for field in body:
            if field in REQUIRED[name]:
                found.append((name, {key: value for key, value in body.items() if key != field}))
            found += [(name, {**body, field: odd}) for odd in ODD_VALUES if not fits(field, odd)]
        found.append((name, {**body, "extra": 1}))
        found.append((name, {key.upper(): value for key, value in body.items()}))
    return found


def fits(field: str, odd: Any) -> bool:
    lists = {"local", "hosted_known", "classifications", "item_results"}
    return (odd == [] and field in lists) or (odd == {} and field == "counters")


@pytest.mark.parametrize(("name", "body"), bad_bodies())
def test_bad_body(person: Person, name: str, body: Any) -> None:
    """Every field: missing, null, of a wrong type, empty, too long, in the wrong case; unknown ones."""
    path = "/api/v1/drive/diff" if name == "diff" else f"{SYNC}/{name}"
    answer = person.post(path, json=body)
    assert error(answer) == (400, "validation_error"), answer.text
    assert answer.json()["error"]["place"].startswith("body")


ITEM_FAULTS = {
    "slug": ["", "Upper", "a--b", "-a", "a" * 65, "ä", "a b", "a\n", None, 7],
    "content_sha": ["", "abc", A.upper(), A + "0", A + "\n", None, 7, "g" * 64],
    "size_bytes": [-1, 1.5, "1", None, 2**60],
    "source": [None, 7, "s" * 501],
    "extra": [1],
}


@pytest.mark.parametrize(
    ("field", "odd"), [(field, odd) for field, odds in ITEM_FAULTS.items() for odd in odds]
)
def test_bad_item(person: Person, field: str, odd: Any) -> None:
    item = {**local("a", A), field: odd}
    answer = person.post(f"{SYNC}/preview", json={"local": [local("b", B), item]})
    assert error(answer) == (400, "validation_error")
    assert answer.json()["error"]["place"].startswith("body.local[1]") or "extra" in answer.text


def test_slug_twice_and_too_many(person: Person) -> None:
    twice = person.post(f"{SYNC}/preview", json={"local": [local("a", A), local("a", B)]})
    assert twice.json()["error"]["place"] == "body.local[1].slug"
    many = [known(f"s{number}", A) for number in range(2001)]
    assert error(person.post("/api/v1/drive/diff", json={"local": many})) == (400, "validation_error")
    assert person.post("/api/v1/drive/diff", json={"local": many[:2000]}).status_code == 200


def test_upload_only_key_syncs_nothing(api: World, person: Person) -> None:
    key = api.key(person, KeyOptions(kind="upload_only"))
    paths = [*(f"sync/{name}" for name in ("preview", "execute", "finalize")), "diff"]
    for name, path in zip(GOOD, paths, strict=True):
        assert error(key.post(f"/api/v1/drive/{path}", json=GOOD[name])) == (403, "access_denied")
