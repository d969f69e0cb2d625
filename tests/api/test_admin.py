"""`skillpress admin`: accounts, keys, teams, credits, shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry_builder.cli import run
from tests.content_repo import Answer


class Admin:
    """The command on one data directory, in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> Answer:
        code = run(["admin", "--data", str(self._folder / "data"), *words])
        out, err = self._capsys.readouterr()
        return Answer(code, out, err)

    def json(self, *words: str) -> Any:
        answer = self(*words, "--json")
        assert answer.code == 0, answer.err
        return answer.json


@pytest.fixture
def admin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Admin:
    made = Admin(tmp_path, capsys)
    for name in ("ann", "bob"):
        assert made("user", "create", f"{name}@example.com").code == 0
    return made


def test_accounts_are_made_listed_changed_and_shut_out(admin: Admin) -> None:
    assert [row["email"] for row in admin.json("user", "list")] == ["ann@example.com", "bob@example.com"]
    changed = admin.json("user", "set", "ann@example.com", "--role", "admin", "--tier", "pro")
    assert (changed["role"], changed["tier"], changed["balance"]) == ("admin", "pro", 25)
    assert admin.json("user", "disable", "ann@example.com")["enabled"] is False
    assert admin.json("user", "enable", "ann@example.com")["enabled"] is True
    assert "ann@example.com" in admin("user", "show", "ANN@example.com").out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("user", "create", "ann@example.com"), "email_taken"),
        (("user", "create", "nobody"), "validation_error"),
        (("user", "create", "c@d", "--role", "king"), "validation_error"),
        (("user", "create", "c@d", "--tier", "gold"), "validation_error"),
        (("user", "show", "carl@example.com"), "user_not_found"),
        (("key", "create", "carl@example.com"), "user_not_found"),
        (("key", "create", "ann@example.com", "--name", "a/b"), "validation_error"),
        (("key", "revoke", "nothing"), "key_not_found"),
        (("team", "members", "none"), "team_not_found"),
        (("grant", "carl@example.com", "5"), "user_not_found"),
        (("share", "offer", "pdf-tools", "ann@example.com", "bob@example.com"), "skill_not_found"),
        (("share", "accept", "nothing"), "share_not_found"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_code(
    admin: Admin, words: tuple[str, ...], code: str
) -> None:
    answer = admin(*words)
    assert (answer.code, f"[{code}]" in answer.err) == (1, True), answer.err


def test_keys_are_shown_once_and_ended(admin: Admin) -> None:
    made = admin.json("key", "create", "ann@example.com", "--expires-days", "3")
    assert made["secret"].startswith("sk_live_")
    (listed,) = admin.json("key", "list", "ann@example.com")
    assert listed["prefix"] == made["secret"][:12]
    assert made["secret"] not in str(listed)
    assert listed["expires_at"] is not None
    assert admin("key", "create", "ann@example.com").code == 1
    assert admin("key", "disable", made["id"]).code == 0
    assert admin("key", "enable", made["id"]).code == 0
    assert admin("key", "revoke", made["id"]).code == 0
    assert admin.json("key", "list", "ann@example.com") == []
    assert admin("key", "create", "ann@example.com").code == 0


def test_team_has_pending_members_and_keeps_an_owner(admin: Admin) -> None:
    assert admin("team", "create", "Docs", "ann@example.com").code == 0
    (_, bob) = admin.json("team", "invite", "Docs", "bob@example.com")
    assert bob["accepted_at"] is None
    assert admin.json("team", "list")[0]["members"] == 1
    (_, bob) = admin.json("team", "accept", "Docs", "bob@example.com")
    assert bob["accepted_at"] is not None
    last = admin("team", "remove-member", "Docs", "ann@example.com")
    assert "[last_owner]" in last.err
    admin.json("team", "set-role", "Docs", "bob@example.com", "--role", "owner")
    assert len(admin.json("team", "remove-member", "Docs", "ann@example.com")) == 1
    assert admin("team", "delete", "Docs").code == 0
    assert admin("team", "list").out.startswith("no teams yet")


def test_grants_are_in_the_ledger_which_verifies(admin: Admin) -> None:
    assert admin.json("grant", "ann@example.com", "10", "--note", "thanks") == {
        "user_id": admin.json("user", "show", "ann@example.com")[0]["id"],
        "before": 25,
        "after": 35,
    }
    newest = admin.json("credits", "show", "ann@example.com")[0]
    assert (newest["amount"], newest["balance_after"], newest["note"]) == (10, 35, "thanks")
    assert admin.json("credits", "verify") == {"accounts": 2, "faults": []}
