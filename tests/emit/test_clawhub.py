"""clawhub: the answers of one registry base for each skill."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emit.samples import SITE, document, page, row, skill, source

from registry_builder.core.artifact import pack
from registry_builder.core.key import KeyClass, classify, content_type
from registry_builder.core.ledger import Document, Removal
from registry_builder.emit import clawhub
from registry_builder.emit.base import Page

FILES = source({"scripts/run.sh": b"#!/bin/sh\n"}).files
BASE = "clawhub/aa/api/v1"
DAY, TENTH = 86_400_000, 1_793_527_200_000
REMOVED = Removal(commit="f" * 40, time="2026-12-01T00:00:00Z")


def made(subject: Document) -> dict[str, bytes]:
    served = subject.current is not None
    given = Page(subject, skill("aa") if served else None, FILES if served else ())
    return dict(clawhub.emit_skill(given, SITE))


def test_an_active_skill_has_its_three_answers() -> None:
    answers = made(document("aa", row(1), row(2)))
    assert json.loads(answers.pop(f"{BASE}/skills/aa")) == {
        "skill": {
            "slug": "aa",
            "displayName": "AA",
            "summary": "Does aa.",
            "tags": {},
            "stats": {},
            "createdAt": TENTH,
            "updatedAt": TENTH + DAY,
        },
        "latestVersion": {"version": "2.0.0", "createdAt": TENTH + DAY, "changelog": ""},
        "moderation": None,
        "owner": None,
    }
    resolved = {"match": None, "latestVersion": {"version": "2.0.0"}}
    assert json.loads(answers.pop(f"{BASE}/resolve")) == resolved
    assert answers == {f"{BASE}/download": pack(FILES)}


@pytest.mark.parametrize(
    ("changes", "blocked"),
    [
        ({"versions": (row(1, state="yanked"),)}, False),
        ({"versions": (row(1), row(2)), "state": "removed", "removed": REMOVED}, False),
        ({"versions": (row(1, state="quarantined"),)}, True),
        ({"versions": (row(1, state="yanked"), row(2, state="quarantined"))}, True),
    ],
)
def test_what_is_not_served_names_no_version_and_has_no_download(
    changes: dict[str, Any], blocked: bool
) -> None:
    answers = {key: json.loads(body) for key, body in made(document("aa", **changes)).items()}
    assert sorted(answers) == [f"{BASE}/resolve", f"{BASE}/skills/aa"]
    assert answers[f"{BASE}/resolve"] == {"match": None, "latestVersion": None}
    about = answers[f"{BASE}/skills/aa"]
    assert about["latestVersion"] is None
    assert about["moderation"] == ({"isSuspicious": False, "isMalwareBlocked": True} if blocked else None)


def test_the_newest_served_version_is_named_when_newer_ones_are_taken_back() -> None:
    answers = made(document("aa", row(1), row(2, state="quarantined"), row(3, state="yanked")))
    about = json.loads(answers[f"{BASE}/skills/aa"])
    assert about["latestVersion"]["version"] == "1.0.0"
    assert about["moderation"] is None
    assert f"{BASE}/download" in answers


@pytest.mark.parametrize("kind", ["agent", "command", "rule", "hook", "mcp", "plugin", "bundle"])
def test_only_a_skill_has_answers(kind: str) -> None:
    assert list(clawhub.emit_skill(page(document("aa", type=kind)), SITE)) == []


@pytest.mark.parametrize(
    ("key", "key_class", "kind"),
    [
        (f"{BASE}/skills/aa", KeyClass.INDEX, "application/json"),
        (f"{BASE}/resolve", KeyClass.INDEX, "application/json"),
        (f"{BASE}/download", KeyClass.PAYLOAD, "application/zip"),
    ],
)
def test_the_keys_have_their_class_and_type(key: str, key_class: KeyClass, kind: str) -> None:
    assert (classify(key), content_type(key)) == (key_class, kind)
