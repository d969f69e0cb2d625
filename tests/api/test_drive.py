"""The drive: what is listed, imported, hidden and removed (contracts/skillzdrive.md rows 5–8, 3.3, 4)."""

from __future__ import annotations

import concurrent.futures
import threading
import uuid

import httpx2
import pytest

from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Credits
from tests.api import shelf
from tests.api.shelf import drive_slugs, error
from tests.api.world import Person, World


def take(person: Person, slug: str, **headers: str) -> httpx2.Response:
    answer: httpx2.Response = person.post("/api/v1/drive/import", json={"skillSlug": slug}, headers=headers)
    return answer


def test_whole_item_of_a_published_skill(api: World, person: Person) -> None:
    """Row 5."""
    take(person, "text-facts")
    twin = api.anonymous.get("/api/v1/skills/text-facts").json()["data"]
    answer = person.get("/api/v1/drive")
    assert answer.headers["cache-control"] == "no-store"
    (item,) = answer.json()["data"]["skills"]
    assert item.pop("security_grade") in {None, "A"}
    assert item == {
        "id": twin["skill"]["id"],
        "slug": "text-facts",
        "name": "text-facts",
        "description": "Does text-facts. Use it when text-facts is asked for.",
        "tags": [],
        "version": 1,
        "github_url": twin["skill"]["github_url"],
        "category": "public",
        "type": "skill",
        "state": "active",
        "hasScripts": True,
        "execution_tier": None,
        "requiredEnvVars": [],
        "credit_cost_per_use": twin["skill"]["credit_cost_per_use"],
        "enabled": True,
        "source": "drive",
        "content_sha": twin["download"]["content_sha"],
        "hasUpdate": False,
        "reason": None,
    }


def test_whole_item_of_a_private_skill(api: World, person: Person) -> None:
    """Row 5."""
    shelf.private(api, person, "my-notes")
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert uuid.UUID(item.pop("id"))
    assert item == {
        "slug": "my-notes",
        "name": "my-notes",
        "description": "Does my-notes.",
        "tags": ["mine"],
        "version": 1,
        "github_url": None,
        "category": "private",
        "type": "skill",
        "state": "active",
        "hasScripts": True,
        "execution_tier": "local",
        "requiredEnvVars": ["TOKEN"],
        "credit_cost_per_use": 0,
        "security_grade": "B",
        "enabled": True,
        "source": "drive",
        "content_sha": shelf.sha256_of("my-notes"),
        "hasUpdate": False,
        "reason": None,
    }


def test_team_and_accepted_shares_are_seen(api: World, person: Person) -> None:
    """3.3: visible = drive ∪ team ∪ accepted shares."""
    other = api.person()
    ours = [shelf.private(api, other, f"team-{n}-{other.id[:4]}") for n in range(2)]
    shelf.team(api, other, [item.skill_id for item in ours], person)
    shared = shelf.private(api, other, f"shared-{other.id[:4]}")
    shelf.share(api, other, shared.skill_id, person)
    take(person, "pdf-tools")
    found = person.get("/api/v1/drive").json()["data"]["skills"]
    assert [(item["slug"], item["source"]) for item in found] == sorted(
        [("pdf-tools", "drive"), (shared.slug, "shared"), *((item.slug, "team") for item in ours)]
    )


@pytest.mark.parametrize("status", ["pending", "rejected", "revoked"])
def test_share_counts_only_when_accepted(api: World, person: Person, status: str) -> None:
    """3.3."""
    other = api.person()
    shelf.share(api, other, shelf.private(api, other, "hush").skill_id, person, status)
    assert drive_slugs(person) == []


def test_membership_counts_only_when_accepted(api: World, person: Person) -> None:
    """3.3."""
    other = api.person()
    shelf.team(api, other, [shelf.private(api, other, "hush").skill_id], person, accepted=False)
    assert drive_slugs(person) == []


def test_published_skill_of_a_team_follows_the_bucket(api: World, person: Person) -> None:
    """3.3."""
    other = api.person()
    take(other, "pdf-tools")
    shelf.team(api, other, [shelf.published_id("pdf-tools")], person)
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["slug"], item["version"], item["source"], item["hasUpdate"]) == (
        "pdf-tools",
        2,
        "team",
        False,
    )


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, {"own", "team", "shared"}),
        ({"include_team": False}, {"own", "shared"}),
        ({"include_shared": False}, {"own", "team"}),
        ({"include_team": False, "include_shared": False}, {"own"}),
        ({"kind": "upload_only"}, None),
        ({"kind": "scoped", "listed": ("own", "team", "shared")}, {"own", "team", "shared"}),
        ({"kind": "scoped", "listed": ("own", "team"), "include_team": False}, {"own"}),
        ({"kind": "scoped", "listed": ()}, set()),
    ],
)
def test_what_a_key_sees(
    api: World, person: Person, options: dict[str, object], seen: set[str] | None
) -> None:
    """3.3: the sources that a key leaves out go first, then its list."""
    other = api.person()
    skills = {
        "own": shelf.private(api, person, "own"),
        "team": shelf.private(api, other, "team"),
        "shared": shelf.private(api, other, "shared"),
    }
    shelf.team(api, other, [skills["team"].skill_id], person)
    shelf.share(api, other, skills["shared"].skill_id, person)
    ids = tuple(skills[name].skill_id for name in options.get("listed", ()))  # type: ignore[attr-defined]
    rest = {name: value for name, value in options.items() if name != "listed"}
    key = api.key(person, KeyOptions(skill_ids=ids, **rest))  # type: ignore[arg-type]
    answer = key.get("/api/v1/drive")
    if seen is None:
        assert error(answer) == (403, "access_denied")
    else:
        assert {item["slug"] for item in answer.json()["data"]["skills"]} == seen


def test_scoped_key_does_not_see_what_left_the_drive(api: World, person: Person) -> None:
    """3.3: the list alone gives nothing."""
    stranger = shelf.private(api, api.person(), "stranger")
    key = api.key(person, KeyOptions(kind="scoped", skill_ids=(stranger.skill_id,)))
    assert drive_slugs(key) == []


def test_slug_resolves_own_before_team_before_shared_before_published(api: World, person: Person) -> None:
    """D9: and who holds something already, keeps it."""
    other, third = api.person(), api.person()
    take(person, "pdf-tools")
    shared = shelf.private(api, other, "pdf-tools", "shared")
    shelf.share(api, other, shared.skill_id, person)
    ours = shelf.private(api, third, "pdf-tools", "team")
    shelf.team(api, third, [ours.skill_id], person)
    shelf.private(api, person, "pdf-tools", "own")
    found = person.get("/api/v1/drive").json()["data"]["skills"]
    assert [(item["slug"], item["content_sha"]) for item in found][:3] == [
        ("pdf-tools", shelf.sha256_of(text)) for text in ("own", "team", "shared")
    ]
    assert (found[3]["category"], found[3]["version"]) == ("public", 2)
    removed = person.delete("/api/v1/drive/pdf-tools")
    assert removed.json()["data"] == {"slug": "pdf-tools", "removed": True}
    left = [item["source"] for item in person.get("/api/v1/drive").json()["data"]["skills"]]
    assert left == ["team", "shared", "drive"]


def test_import_charges_and_places(api: World, person: Person) -> None:
    """Row 6, 4.1."""
    answer = take(person, "pdf-tools")
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert (data["slug"], data["version"], data["credits_charged"], data["balance"]) == (
        "pdf-tools",
        2,
        1,
        24,
    )
    assert shelf.entries(api, person) == [(1, "grant", 25, 25), (2, "import", -1, 24)]
    again = take(person, "pdf-tools")
    assert error(again) == (409, "already_in_drive")
    assert len(shelf.entries(api, person)) == 2


@pytest.mark.parametrize("slug", ["nothing-here", "../x", "PDF-tools", "documents", "x" * 900])
def test_import_of_what_is_not_offered(person: Person, slug: str) -> None:
    """Row 6: collections are no skills."""
    assert error(take(person, slug)) == (404, "skill_not_found")


def test_misspelt_slug_gets_suggestions(person: Person) -> None:
    """2.1."""
    fault = take(person, "pdf-tool").json()["error"]
    assert fault["suggestions"] == ["pdf-tools"]
    assert fault["place"] == "body.skillSlug"


def test_import_without_credits_changes_nothing(api: World) -> None:
    """4.4."""
    poor = api.person(prices=Credits(initial_grant=0))
    answer = take(poor, "pdf-tools")
    assert error(answer) == (402, "insufficient_credits")
    assert drive_slugs(poor) == []
    assert shelf.entries(api, poor) == []


def test_drive_has_a_maximum(api: World, person: Person) -> None:
    """4.3: the tier's, or what a first sync brought along."""
    for number in range(10):
        shelf.private(api, person, f"own-{number}")
    answer = take(person, "pdf-tools")
    assert error(answer) == (402, "quota_exceeded")
    assert answer.json()["error"]["drive_max"] == 10
    assert shelf.entries(api, person) == [(1, "grant", 25, 25)]
    shelf.set_user(api, person, drive_grandfather_high_water=11)
    assert take(person, "pdf-tools").status_code == 201
    assert error(take(person, "text-facts")) == (402, "quota_exceeded")


def test_tier_without_maximum(api: World) -> None:
    """4.2."""
    pro = api.person(tier="pro")
    for number in range(12):
        shelf.private(api, pro, f"own-{number}")
    assert take(pro, "pdf-tools").status_code == 201


def test_import_happens_once_for_each_key(api: World, person: Person) -> None:
    """2.5."""
    first = take(person, "pdf-tools", **{"Idempotency-Key": "once"})
    second = take(person, "pdf-tools", **{"Idempotency-Key": "once"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["idempotency-replayed"] == "true"
    assert error(take(person, "text-facts", **{"Idempotency-Key": "once"})) == (409, "idempotency_key_reused")


def test_twenty_calls_at_once_with_one_key_get_one_answer(api: World, person: Person) -> None:
    """2.5: also those that find the import of another one done, and its credit gone."""
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        ready = threading.Barrier(20)

        def call(_number: int) -> httpx2.Response:
            ready.wait()
            return take(person, "pdf-tools", **{"Idempotency-Key": "at once"})

        answers = list(pool.map(call, range(20)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


def test_twenty_imports_at_once_are_paid_once(api: World, person: Person) -> None:
    """4.4."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: take(person, "pdf-tools").status_code, range(20)))
    assert sorted(answers) == [201] + [409] * 19
    assert shelf.entries(api, person) == [(1, "grant", 25, 25), (2, "import", -1, 24)]


def test_scoped_key_sees_what_it_imported(api: World, person: Person) -> None:
    """Row 6: what the account has already costs nothing more."""
    key = api.key(person, KeyOptions(kind="scoped"))
    assert take(key, "pdf-tools").status_code == 201
    assert drive_slugs(key) == ["pdf-tools"]
    take(person, "text-facts")
    answer = take(key, "text-facts")
    assert (answer.status_code, answer.json()["data"]["credits_charged"]) == (200, 0)
    assert error(take(key, "text-facts")) == (409, "already_in_drive")
    assert drive_slugs(key) == ["pdf-tools", "text-facts"]


def test_organisation_comes_before_the_marketplace(api: World, person: Person) -> None:
    """D9."""
    slug = f"house-{person.id[:6]}"
    shelf.organisation(api, shelf.private(api, api.person(), slug, slug))
    assert take(person, slug).status_code == 201
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["slug"], item["category"], item["content_sha"]) == (slug, "private", shelf.sha256_of(slug))


def test_toggle_hides_and_shows(api: World, person: Person) -> None:
    """Row 8, 3.3."""
    take(person, "pdf-tools")
    off = person.post("/api/v1/drive/pdf-tools/toggle")
    assert (off.status_code, off.json()["data"]) == (200, {"slug": "pdf-tools", "enabled": False})
    assert drive_slugs(person) == []
    assert drive_slugs(person, includeDisabled="true") == ["pdf-tools"]
    on = person.post("/api/v1/drive/pdf-tools/toggle")
    assert on.json()["data"]["enabled"] is True
    assert drive_slugs(person) == ["pdf-tools"]


def test_toggled_off_hides_also_what_a_team_has(api: World, person: Person) -> None:
    """3.3."""
    take(person, "pdf-tools")
    shelf.team(api, person, [shelf.published_id("pdf-tools")], person)
    person.post("/api/v1/drive/pdf-tools/toggle")
    assert drive_slugs(person) == []


def test_removal_leaves_every_collection_and_gives_nothing_back(api: World, person: Person) -> None:
    """Row 7."""
    take(person, "pdf-tools")
    key = api.key(person, KeyOptions(kind="scoped", skill_ids=(shelf.published_id("pdf-tools"),)))
    assert drive_slugs(key) == ["pdf-tools"]
    assert person.delete("/api/v1/drive/pdf-tools").status_code == 200
    assert drive_slugs(person) == drive_slugs(key) == []
    assert shelf.entries(api, person)[-1] == (2, "import", -1, 24)
    assert error(person.delete("/api/v1/drive/pdf-tools")) == (404, "skill_not_found")
    take(person, "pdf-tools")
    assert drive_slugs(key) == []


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/toggle")])
def test_no_oracle_for_what_others_have(api: World, person: Person, method: str, path: str) -> None:
    """2.2: what is not there and what is not yours get one answer, but for the name."""
    other = api.person()
    slugs = f"theirs-{person.id[:6]}", f"absent-{person.id[:6]}"
    shelf.private(api, other, slugs[0])
    key = api.key(other, KeyOptions(kind="scoped"))
    bodies = set()
    for who in (person, key):
        for slug in slugs:
            answer = who.request(method, f"/api/v1/drive/{slug}{path}")
            assert error(answer) == (404, "skill_not_found")
            bodies.add(answer.text.replace(slug, "SLUG"))
    assert len(bodies) == 1
    assert drive_slugs(other) == [slugs[0]]


def test_team_skill_is_not_of_the_drive(api: World, person: Person) -> None:
    """Rows 7 and 8 change the drive only."""
    other = api.person()
    shelf.team(api, other, [shelf.private(api, other, "ours").skill_id], person)
    assert error(person.delete("/api/v1/drive/ours")) == (404, "skill_not_found")
    assert error(person.post("/api/v1/drive/ours/toggle")) == (404, "skill_not_found")


BAD_BODIES = [
    {},
    {"skillSlug": None},
    {"skillSlug": 7},
    {"skillSlug": ["pdf-tools"]},
    {"skillSlug": ""},
    {"skillSlug": "x" * 1001},
    {"skillSlug": "a\0b"},
    {"skillslug": "pdf-tools"},
    {"skillSlug": "pdf-tools", "force": True},
    [],
    "pdf-tools",
    None,
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_bad_body_of_an_import(api: World, person: Person, body: object) -> None:
    answer = person.post("/api/v1/drive/import", json=body)
    assert error(answer) == (400, "validation_error")
    assert shelf.entries(api, person) == [(1, "grant", 25, 25)]


@pytest.mark.parametrize("raw", [b'{"skillSlug": "\\ud800"}', b'{"skillSlug": "\xff"}', b"{", b"[" * 100_000])
def test_body_that_is_not_text(person: Person, raw: bytes) -> None:
    answer = person.post("/api/v1/drive/import", content=raw, headers={"content-type": "application/json"})
    assert error(answer) in {(400, "validation_error"), (404, "skill_not_found")}


@pytest.mark.parametrize("slug", ["%00", "%ff", "%ed%a0%80", "x" * 3000])
def test_slug_that_is_none(person: Person, slug: str) -> None:
    answer = person.delete(f"/api/v1/drive/{slug}")
    assert error(answer) in {(400, "validation_error"), (404, "skill_not_found")}


@pytest.mark.parametrize("state", ["revoked", "disabled", "expired"])
def test_key_that_does_not_hold(api: World, person: Person, state: str) -> None:
    """3.2."""
    key = api.key(person, KeyOptions(expires_at=api.clock() - 1 if state == "expired" else None))
    api.spoil(key, state)
    for method, path in (("GET", ""), ("POST", "/import"), ("DELETE", "/x"), ("POST", "/x/toggle")):
        assert error(key.request(method, f"/api/v1/drive{path}")) == (401, "unauthorized")
