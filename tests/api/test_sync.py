"""Sync execute and finalize (contracts/skillzdrive.md rows 13 and 14; 5.3, 5.4, 4.3)."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from dynamic_api.database.tables import audit_events
from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.shelf import drive_slugs, error
from tests.api.syncing import (
    SYNC,
    A,
    B,
    C,
    actions,
    execute,
    finalize,
    known,
    local,
    preview,
    version,
)
from tests.api.world import Person, World


def test_execute_commits_claims_and_tells_the_rest(api: World, person: Person) -> None:
    """Row 13, 5.3."""
    shelf.private(api, person, "pulled", "a")
    machine = (local("text-facts", B, source="skillzdrive:text-facts"), local("mine", C))
    found = preview(person, *machine)["classifications"]
    answer = execute(person, found).json()["data"]
    assert uuid.UUID(answer["run_id"])
    told = {item["action"]: item for item in answer["results"]}
    claimed, upload, download = (
        told[action] for action in ("claim_public", "upload_private", "download_install")
    )
    newest = version(api, "text-facts")
    assert claimed == {
        "slug": "text-facts",
        "action": "claim_public",
        "status": "committed",
        "canonical_skill_id": found[2]["canonical_skill_id"],
        "content_sha": newest.sha256,
        "version": 1,
    }
    assert upload == {
        "slug": "mine",
        "action": "upload_private",
        "status": "pending_upload",
        "credits_required": 1,
    }
    assert download["status"] == "pending_download"
    assert (download["download_content_sha"], download["download_version"]) == (A, 1)
    assert f"/api/v1/downloads/private/{A}?expires=" in download["download_url"]
    assert drive_slugs(person) == ["pulled", "text-facts"]
    assert shelf.entries(api, person) == [(1, "grant", 25, 25)]


def test_download_of_a_published_skill_is_its_immutable_url(api: World, person: Person) -> None:
    """5.3, row 26."""
    person.post("/api/v1/drive/import", json={"skillSlug": "text-facts"})
    (result,) = execute(person, preview(person)["classifications"]).json()["data"]["results"]
    sha256 = version(api, "text-facts").sha256
    assert result["download_url"].endswith(f"/api/v1/downloads/public/text-facts/{sha256}.zip")


def test_claim_pins_the_version_that_the_machine_has(api: World, person: Person) -> None:
    """5.2: an older copy is claimed as it is, and then has an update."""
    old = version(api, "pdf-tools", 1).sha256
    execute(person, preview(person, local("pdf-tools", old))["classifications"])
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["version"], item["content_sha"], item["hasUpdate"]) == (1, old, True)
    assert actions(person, local("pdf-tools", old)) == {}


@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        ("all", ("committed", "pending_upload", "pending_download")),
        ("public_only", ("committed", "skipped", "skipped")),
        ("pulls_only", ("skipped", "skipped", "pending_download")),
        ("as_many_as_credits_allow", ("committed", "pending_upload", "pending_download")),
    ],
)
def test_modes(api: World, person: Person, mode: str, statuses: tuple[str, str, str]) -> None:
    """5.3."""
    shelf.private(api, person, "c-pulled", "a")
    machine = (local("a-claimed", B, source="skillzdrive:text-facts"), local("b-mine", C))
    results = execute(person, preview(person, *machine)["classifications"], mode).json()["data"]["results"]
    assert tuple(item["status"] for item in results) == statuses


def test_all_is_refused_whole_when_the_balance_does_not_reach(api: World, person: Person) -> None:
    """5.3, 4.4."""
    shelf.set_user(api, person, balance=1)
    machine = (
        local("text-facts", B, source="skillzdrive:text-facts"),
        local("one", A),
        local("two", C),
    )
    found = preview(person, *machine)
    assert (found["summary"]["balance_after"], found["summary"]["balance_sufficient"]) == (-1, False)
    answer = execute(person, found["classifications"])
    assert error(answer) == (402, "insufficient_credits")
    assert answer.json()["error"]["required"] == 2
    assert drive_slugs(person) == []
    shelf.set_user(api, person, balance=2)
    assert execute(person, found["classifications"]).status_code == 200
    assert drive_slugs(person) == ["text-facts"]


def test_as_many_as_credits_allow_takes_the_cheapest_first(api: World, person: Person) -> None:
    """5.3: what is free goes first."""
    shelf.set_user(api, person, balance=3)
    mib = 1024 * 1024
    machine = (
        local("dear", A, 5 * mib),
        local("fair", B, mib),
        local("cheap", C, 1),
        local("text-facts", B, source="skillzdrive:text-facts"),
    )
    found = preview(person, *machine)["classifications"]
    results = execute(person, found, "as_many_as_credits_allow").json()["data"]["results"]
    assert {item["slug"]: item["status"] for item in results} == {
        "text-facts": "committed",
        "cheap": "pending_upload",
        "fair": "pending_upload",
        "dear": "skipped",
    }


def test_what_changed_in_between_is_stale_and_the_rest_goes_on(api: World, person: Person) -> None:
    """5.3."""
    for slug in ("gone", "moved", "hidden", "stays"):
        shelf.private(api, person, slug, "a")
    found = preview(person, local("fresh", B), local("text-facts", C, source="skillzdrive:text-facts"))[
        "classifications"
    ]
    person.delete("/api/v1/drive/gone")
    shelf.private(api, person, "moved", "b")
    person.post("/api/v1/drive/hidden/toggle")
    shelf.private(api, person, "fresh", "c")
    claim = next(item for item in found if item["action"] == "claim_public")
    found.append({**claim, "slug": "invented", "canonical_skill_id": str(uuid.uuid4())})
    results = execute(person, found).json()["data"]["results"]
    assert {item["slug"]: item["status"] for item in results} == {
        "gone": "stale",
        "moved": "stale",
        "hidden": "stale",
        "stays": "pending_download",
        "fresh": "stale",
        "text-facts": "committed",
        "invented": "stale",
    }
    assert all(item["reason"] for item in results if item["status"] == "stale")


def test_nobody_gets_what_is_another_ones_by_asking(api: World, person: Person) -> None:
    """3.3: classifications come from the machine; nothing in them is believed."""
    other = api.person()
    theirs = shelf.private(api, other, "secret", "a")
    asked = [
        {
            "slug": "secret",
            "direction": "pull",
            "action": action,
            "credits_required": 0,
            "canonical_skill_id": theirs.skill_id,
            "reason": "",
        }
        for action in ("download_install", "download_update", "claim_public", "upload_update")
    ]
    for item in asked:
        (result,) = execute(person, [item]).json()["data"]["results"]
        assert result["status"] == "stale"
        assert "download_url" not in result
    shared = api.person()
    shelf.share(api, other, theirs.skill_id, shared)
    update = {**asked[3], "canonical_skill_id": str(uuid.UUID(theirs.skill_id))}
    (result,) = execute(shared, [update]).json()["data"]["results"]
    assert result["status"] == "stale"


def test_conflicts_and_removals_are_never_done(api: World, person: Person) -> None:
    """5.2: they are the user's to decide."""
    shelf.private(api, person, "torn", "a")
    found = preview(person, local("torn", B), local("lost", C), base=(known("lost", C),))["classifications"]
    results = execute(person, found).json()["data"]["results"]
    assert {item["slug"]: item["status"] for item in results} == {"torn": "skipped", "lost": "skipped"}
    assert drive_slugs(person) == ["torn"]


def test_execute_happens_once_for_each_key(api: World, person: Person) -> None:
    """2.5."""
    body = {
        "install_id": str(uuid.uuid4()),
        "kind": "manual",
        "mode": "all",
        "classifications": preview(person, local("pdf-tools", A, source="skillzdrive:pdf-tools"))[
            "classifications"
        ],
    }
    first, second = (
        person.post(f"{SYNC}/execute", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.content == second.content
    again = person.post(f"{SYNC}/execute", json=body).json()["data"]
    assert again["results"][0]["status"] == "committed"
    assert drive_slugs(person) == ["pdf-tools"]


def full(api: World, person: Person, number: int = 10) -> None:
    for count in range(number):
        shelf.private(api, person, f"held-{count}", "a")


def test_first_run_brings_more_than_the_tier_has(api: World, person: Person) -> None:
    """4.3, row 14: the high-water mark becomes the maximum, and is never lowered."""
    full(api, person)
    machine = [local(f"held-{number}", A) for number in range(10)]
    machine += [local("text-facts", B, source="skillzdrive:text-facts")]
    found = preview(person, *machine)
    assert found["summary"]["free_tier_overage"]["would_grandfather"] is True
    run = execute(person, found["classifications"], kind="first_run").json()["data"]
    assert run["results"][0]["status"] == "committed"
    answer = finalize(person, run["run_id"]).json()["data"]
    assert answer == {"run_id": run["run_id"], "drive_count": 11, "drive_grandfather_high_water": 11}
    full_now = person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    assert error(full_now) == (402, "quota_exceeded")
    person.delete("/api/v1/drive/held-0")
    assert person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"}).status_code == 201
    person.delete("/api/v1/drive/held-1")
    later = execute(person, [], kind="first_run").json()["data"]["run_id"]
    assert finalize(person, later).json()["data"]["drive_grandfather_high_water"] == 11


@pytest.mark.parametrize("kind", ["daily", "manual"])
def test_only_a_first_run_is_let_beyond_the_maximum(api: World, person: Person, kind: str) -> None:
    """4.3: what is free comes before what is paid."""
    full(api, person, 9)
    machine = [local(f"held-{number}", A) for number in range(9)]
    machine += [local("a-mine", B), local("text-facts", C, source="skillzdrive:text-facts")]
    run = execute(person, preview(person, *machine)["classifications"], kind=kind).json()["data"]
    assert {item["slug"]: item["status"] for item in run["results"]} == {
        "a-mine": "failed",
        "text-facts": "committed",
    }
    answer = finalize(person, run["run_id"]).json()["data"]
    assert (answer["drive_count"], answer["drive_grandfather_high_water"]) == (10, 0)


def test_finalize_is_repeatable_and_believes_no_numbers(api: World, person: Person) -> None:
    """Row 14, 5.4, 4.4."""
    run_id = execute(person, []).json()["data"]["run_id"]
    more = {
        "item_results": [{"slug": "mine", "status": "committed", "credits_charged": 24}],
        "counters": {"public_claimed": 9, "private_uploaded": 2, "credits_charged": 24, "something_else": 1},
    }
    first = finalize(person, run_id, **more)
    assert first.json()["data"] == {"run_id": run_id, "drive_count": 0, "drive_grandfather_high_water": 0}
    shelf.private(api, person, "later")
    assert finalize(person, run_id).content == first.content
    assert finalize(person, run_id.replace("-", "")).content == first.content
    assert shelf.entries(api, person) == [(1, "grant", 25, 25)]


def test_run_of_another_account_is_not_there(api: World, person: Person) -> None:
    """Row 14: and is answered like one that never was."""
    run_id = execute(person, []).json()["data"]["run_id"]
    other = api.person()
    answers = [finalize(other, identity) for identity in (run_id, str(uuid.uuid4()), "nonsense")]
    assert {error(answer) for answer in answers} == {(404, "sync_run_not_found")}
    assert len({answer.text for answer in answers}) == 1
    assert finalize(person, run_id).status_code == 200


def test_run_expires_after_a_day(api: World, person: Person) -> None:
    """5.4; one that was closed in time is still answered."""
    late, closed = (execute(person, []).json()["data"]["run_id"] for _ in range(2))
    answer = finalize(person, closed)
    api.clock.ahead += 24 * 3600 * 1000
    try:
        assert error(finalize(person, late)) == (404, "sync_run_not_found")
        assert finalize(person, closed).content == answer.content
    finally:
        api.clock.ahead -= 24 * 3600 * 1000


def test_every_step_leaves_an_audit_event(api: World, person: Person) -> None:
    """Row 13."""
    finalize(person, execute(person, []).json()["data"]["run_id"])
    event = audit_events.c
    query = select(event.event).where(event.actor_id == person.id).order_by(event.at, event.event)
    found = api.read(lambda db: db.execute(query).scalars().all())
    assert sorted(found) == ["SYNC_FINISHED", "SYNC_STARTED"]


def test_scoped_key_syncs_what_it_sees(api: World, person: Person) -> None:
    """3.3."""
    seen = shelf.private(api, person, "seen", "a")
    shelf.private(api, person, "unseen", "a")
    key = api.key(person, KeyOptions(kind="scoped", skill_ids=(seen.skill_id,)))
    machine = (local("text-facts", B, source="skillzdrive:text-facts"),)
    found = preview(key, *machine)["classifications"]
    assert {item["slug"]: item["action"] for item in found} == {
        "seen": "download_install",
        "text-facts": "claim_public",
    }
    execute(key, found)
    assert drive_slugs(key) == ["seen", "text-facts"]
