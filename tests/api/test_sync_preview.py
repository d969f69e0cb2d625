"""Sync preview and diff (contracts/skillzdrive.md rows 12 and 15; 5.1, 5.2, 5.5)."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from dynamic_api.database.tables import audit_events, drive_items, sync_runs
from dynamic_api.services.sync_plan import decide
from tests.api import shelf
from tests.api.syncing import (
    A,
    B,
    C,
    X,
    Y,
    Z,
    actions,
    known,
    local,
    preview,
    version,
)
from tests.api.world import Person, World


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
