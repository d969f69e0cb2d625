"""Sync and diff (contracts/skillzdrive.md rows 12–15, section 5, 4.3)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from dynamic_api.database.tables import audit_events, drive_items, sync_runs
from dynamic_api.services.keys import KeyOptions
from dynamic_api.services.sync_plan import decide
from tests.api import shelf
from tests.api.shelf import drive_slugs, error
from tests.api.world import Person, World

SYNC = "/api/v1/drive/sync"
X, Y, Z = "x" * 64, "y" * 64, "z" * 64
A, B, C = (shelf.sha256_of(text) for text in "abc")


def local(slug: str, sha256: str, size: int = 100, source: str = "") -> dict[str, Any]:
    return {"slug": slug, "content_sha": sha256, "size_bytes": size, "source": source}


def known(slug: str, sha256: str) -> dict[str, str]:
    return {"slug": slug, "content_sha": sha256}


def preview(who: Person, *machine: dict[str, Any], base: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    answer = who.post(f"{SYNC}/preview", json={"local": machine, "hosted_known": base})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def actions(who: Person, *machine: dict[str, Any], base: tuple[dict[str, str], ...] = ()) -> dict[str, str]:
    found = preview(who, *machine, base=base)
    return {item["slug"]: item["action"] for item in found["classifications"]}


def execute(who: Person, found: list[Any], mode: str = "all", kind: str = "manual", **headers: str) -> Any:
    body = {"install_id": str(uuid.uuid4()), "kind": kind, "mode": mode, "classifications": found}
    return who.post(f"{SYNC}/execute", json=body, headers=headers)


def finalize(who: Person, run_id: str, **more: Any) -> Any:
    return who.post(f"{SYNC}/finalize", json={"run_id": run_id, **more})


def version(api: World, slug: str, ordinal: int = 1) -> Any:
    return api.app.context.catalogue.versions(slug)[ordinal - 1]


@pytest.mark.parametrize(
    ("machine", "hosted", "base", "owned", "action"),
    [
        (X, None, None, False, "upload_private"),
        (X, None, Y, False, "removed_remote"),
        (X, None, X, False, "removed_remote"),
        (None, Y, None, False, "download_install"),
        (None, Y, Y, False, "removed_local"),
        (None, Y, X, False, "removed_local"),
        (X, X, None, False, None),
        (X, X, X, True, None),
        (X, X, Y, False, None),
        (X, Y, X, False, "download_update"),
        (X, Y, X, True, "download_update"),
        (X, Y, Y, True, "upload_update"),
        (X, Y, Y, False, "conflict"),
        (X, Y, Z, True, "conflict"),
        (X, Y, Z, False, "conflict"),
        (X, Y, None, True, "conflict"),
        (X, Y, None, False, "conflict"),
        (None, None, X, False, None),
    ],
)
def test_decision_table(
    machine: str | None, hosted: str | None, base: str | None, owned: bool, action: str | None
) -> None:
    """5.2, row by row: what is public is looked up for `upload_private` only."""
    assert decide(machine, hosted, base, owned=owned) == action


def test_only_local_and_public_by_source(api: World, person: Person) -> None:
    """5.2: x – –, by source, whatever its bytes."""
    twin = api.anonymous.get("/api/v1/skills/pdf-tools").json()["data"]["skill"]
    found = preview(person, local("pdf-tools", A, source="skillzdrive:pdf-tools"))
    assert found["classifications"] == [
        {
            "slug": "pdf-tools",
            "direction": "push",
            "action": "claim_public",
            "credits_required": 0,
            "canonical_skill_id": twin["id"],
            "reason": "A published skill: free to claim.",
            "content_sha": A,
        }
    ]


def test_only_local_and_public_by_its_bytes(api: World, person: Person) -> None:
    """5.2: x – –, by equal published bytes, also those of an older version."""
    for ordinal in (1, 2):
        sha256 = version(api, "pdf-tools", ordinal).sha256
        assert actions(person, local("pdf-tools", sha256)) == {"pdf-tools": "claim_public"}


def test_only_local_and_private(person: Person) -> None:
    """5.2: x – –: priced by its size; the name of a published skill alone proves nothing."""
    mib = 1024 * 1024
    machine = (
        local("pdf-tools", A),
        local("mine", B, 3 * mib + 1),
        local("theirs", C, mib - 1, "skillzdrive:no-such-skill"),
    )
    found = preview(person, *machine)
    prices = {item["slug"]: (item["action"], item["credits_required"]) for item in found["classifications"]}
    assert prices == {
        "pdf-tools": ("upload_private", 1),
        "mine": ("upload_private", 4),
        "theirs": ("upload_private", 1),
    }
    assert found["summary"]["pushes"] == {"free_claims": 0, "paid_uploads": 3, "total_credits": 6}


def test_gone_from_the_drive(person: Person) -> None:
    """5.2: x – y: reported, nothing is deleted."""
    assert actions(person, local("mine", A), base=(known("mine", A),)) == {"mine": "removed_remote"}


def test_only_on_the_drive(api: World, person: Person) -> None:
    """5.2: – y –, and – y y."""
    shelf.private(api, person, "mine", "a")
    assert actions(person) == {"mine": "download_install"}
    assert actions(person, base=(known("mine", A),)) == {"mine": "removed_local"}


def test_in_sync_is_left_out(api: World, person: Person) -> None:
    """5.2: x x any."""
    shelf.private(api, person, "mine", "a")
    for base in ((), (known("mine", A),), (known("mine", B),)):
        assert actions(person, local("mine", A), base=base) == {}


def test_both_have_it_and_differ(api: World, person: Person) -> None:
    """5.2: x y x, x y y of one's own and of another, x y other, x y –."""
    shelf.private(api, person, "mine", "a")
    theirs = shelf.private(api, api.person(), "theirs", "a")
    shelf.share(api, person, theirs.skill_id, person)
    both = (local("mine", B), local("theirs", B))

    def told(base: str | None) -> dict[str, str]:
        return actions(person, *both, base=tuple(known(s, base) for s in ("mine", "theirs")) if base else ())

    assert told(B) == {"mine": "download_update", "theirs": "download_update"}
    assert told(A) == {"mine": "upload_update", "theirs": "conflict"}
    assert told(C) == {"mine": "conflict", "theirs": "conflict"}
    assert told(None) == {"mine": "conflict", "theirs": "conflict"}


def test_direction_of_each_action(api: World, person: Person) -> None:
    """5.1."""
    shelf.private(api, person, "pulled", "a")
    shelf.private(api, person, "changed", "a")
    shelf.private(api, person, "torn", "a")
    machine = (local("changed", B), local("pushed", C), local("torn", B), local("lost", B))
    found = preview(person, *machine, base=(known("changed", A), known("lost", B)))
    assert {item["slug"]: (item["direction"], item["action"]) for item in found["classifications"]} == {
        "pulled": ("pull", "download_install"),
        "changed": ("push", "upload_update"),
        "pushed": ("push", "upload_private"),
        "torn": ("none", "conflict"),
        "lost": ("none", "removed_remote"),
    }


def test_toggled_off_is_left_alone(api: World, person: Person) -> None:
    """3.3: neither pulled, nor pushed again."""
    shelf.private(api, person, "mine", "a")
    person.post("/api/v1/drive/mine/toggle")
    assert actions(person) == {}
    assert actions(person, local("mine", B)) == {}


def test_renamed_copy_of_what_the_drive_has(api: World, person: Person) -> None:
    """5.2: equal bytes under another name are the same skill."""
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    assert actions(person, local("my-pdf", version(api, "pdf-tools", 2).sha256)) == {}


def test_withdrawn_bytes_are_named_and_never_moved(api: World, person: Person) -> None:
    """D14."""
    text = f"bad {person.id}"
    shelf.private(api, person, "mine", text)
    shelf.withdraw(api, shelf.sha256_of(text))
    found = preview(person, local("copy", shelf.sha256_of(text)))["classifications"]
    assert [(item["slug"], item["action"], item["direction"]) for item in found] == [
        ("copy", "withdrawn", "none"),
        ("mine", "withdrawn", "none"),
    ]
    assert "it phones home" in found[0]["reason"]


def test_whole_summary(api: World, person: Person) -> None:
    """5.2, 4.3."""
    for number in range(8):
        shelf.private(api, person, f"held-{number}", "a")
    machine = [local(f"held-{number}", A) for number in range(7)]
    machine += [local("pdf-tools", B, source="skillzdrive:pdf-tools"), local("one", C), local("two", C)]
    assert preview(person, *machine)["summary"] == {
        "pushes": {"free_claims": 1, "paid_uploads": 2, "total_credits": 2},
        "pulls": {"installs": 1, "updates": 0},
        "balance": 25,
        "balance_after": 23,
        "balance_sufficient": True,
        "free_tier_overage": {"current_max": 10, "after_sync": 11, "would_grandfather": True},
    }


def test_preview_changes_nothing(api: World, person: Person) -> None:
    """Row 12."""

    def rows() -> list[int]:
        tables = (audit_events, drive_items, sync_runs)
        return [
            api.read(lambda db, table=table: db.execute(select(func.count()).select_from(table)).scalar_one())
            for table in tables
        ]

    before = rows()
    preview(person, local("pdf-tools", A, source="skillzdrive:pdf-tools"), local("mine", B))
    assert rows() == before


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


def test_diff(api: World, person: Person) -> None:
    """Row 15, 5.5."""
    for slug in ("same", "other", "theirs", "hidden"):
        shelf.private(api, person, slug, "a")
    person.post("/api/v1/drive/hidden/toggle")
    machine = [known("same", A), known("other", B), known("mine", C), known("hidden", B)]
    answer = person.post("/api/v1/drive/diff", json={"local": machine})
    assert answer.json()["data"] == {
        "local_only": [known("mine", C)],
        "drive_only": [known("theirs", A)],
        "divergent": [{"slug": "other", "local_content_sha": B, "drive_content_sha": A}],
    }


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
    "slug": ["", "Upper", "a--b", "-a", "a" * 65, "ä", "a b", None, 7],
    "content_sha": ["", "abc", A.upper(), A + "0", None, 7, "g" * 64],
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
