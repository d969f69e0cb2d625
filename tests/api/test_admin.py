"""`skillpress admin`: accounts, keys, teams, credits, shares."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from dynamic_api.app import connect
from dynamic_api.database.tables import audit_events
from dynamic_api.sealing import Keyring, keyring
from dynamic_api.server.data_folder import open_folder
from dynamic_api.services import access, accounts, credentials
from dynamic_api.services.caller import Trace
from dynamic_api.services.keys import KeyOptions
from dynamic_api.services.keys import create as create_key
from dynamic_api.settings import Settings
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
    data = open_folder(tmp_path / "data")
    data.secret(None)
    connect(Settings(), data).close()
    made = Admin(tmp_path, capsys)
    for name in ("ann", "bob"):
        assert made("user", "create", f"{name}@example.com").code == 0
    return made


@pytest.mark.parametrize("words", [("user", "list"), ("credentials", "rotate"), ("credits", "verify")])
@pytest.mark.parametrize("there", [False, True])
def test_mistyped_data_directory_is_refused_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], there: bool
) -> None:
    if there:
        (tmp_path / "data").mkdir()
    before = sorted(tmp_path.rglob("*"))
    answer = Admin(tmp_path, capsys)(*words)
    assert (answer.code, "[no-data-directory]" in answer.err) == (3, True), answer.err
    assert str(tmp_path / "data") in answer.err
    assert "skillpress serve --data" in answer.err
    assert sorted(tmp_path.rglob("*")) == before


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
        (("user", "bind", "carl@example.com", "s1", "--issuer", "https://id.example"), "user_not_found"),
        (("user", "bind", "ann@example.com", "s1"), "no_issuer"),
        (("user", "bind", "ann@example.com", "", "--issuer", "https://id.example"), "validation_error"),
        (("user", "unbind", "ann@example.com", "--issuer", "https://id.example"), "identity_not_found"),
        (("key", "create", "ann@example.com", "--name", "a/b"), "validation_error"),
        (("key", "revoke", "nothing"), "key_not_found"),
        (("team", "members", "none"), "team_not_found"),
        (("grant", "carl@example.com", "5"), "user_not_found"),
        (("user", "create", "c\udcff@example.com"), "not-text"),
        (("user", "show", "c\udcff@example.com"), "not-text"),
        (("share", "offer", "pdf-tools", "ann@example.com", "bob@example.com"), "skill_not_found"),
        (("share", "accept", "nothing"), "share_not_found"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_code(
    admin: Admin, words: tuple[str, ...], code: str
) -> None:
    answer = admin(*words)
    assert (answer.code, f"[{code}]" in answer.err) == (1, True), answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("grant", "ann@example.com", "9" * 20),
        ("key", "create", "ann@example.com", "--name", "b", "--per-minute", "9" * 20),
        ("key", "create", "ann@example.com", "--name", "b", "--monthly-runs", "9" * 20),
    ],
)
def test_number_that_no_database_keeps_is_refused(admin: Admin, words: tuple[str, ...]) -> None:
    answer = admin(*words)
    assert (answer.code, "not in the range" in answer.err) == (2, True), answer.err


def test_identities_are_bound_listed_and_unbound(admin: Admin, tmp_path: Path) -> None:
    settings = tmp_path / "api.toml"
    settings.write_text('[oidc]\nissuer = "https://id.acme.example"\nclient_id = "skillpress"\n')
    by_settings = ("--settings", str(settings), "user")
    assert admin("user", "identities", "ann@example.com").out.startswith("nothing is bound yet")
    [bound] = admin.json(*by_settings, "bind", "ann@example.com", "s1")
    assert (bound["issuer"], bound["subject"]) == ("https://id.acme.example", "s1")
    assert "[identity_taken]" in admin(*by_settings, "bind", "bob@example.com", "s1").err
    assert len(admin.json("user", "bind", "ann@example.com", "s1", "--issuer", "https://other.example")) == 2
    [left] = admin.json(*by_settings, "unbind", "ann@example.com", "s1")
    assert left["issuer"] == "https://other.example"
    assert "https://other.example" in admin("user", "identities", "ann@example.com").out
    assert admin(*by_settings, "bind", "bob@example.com", "s1").code == 0
    exported = admin_audit(tmp_path)
    assert exported.count("IDENTITY_BOUND") == 3
    assert exported.count("IDENTITY_UNBOUND") == 1


def admin_audit(folder: Path) -> list[str]:
    """The events of the log, oldest first."""
    database = connect(Settings(), open_folder(folder / "data"))
    try:
        with database.engine.connect() as db:
            return [row.event for row in db.execute(select(audit_events).order_by(audit_events.c.at))]
    finally:
        database.close()


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


def test_rotation_seals_anew_and_names_what_does_not_open(admin: Admin, tmp_path: Path) -> None:
    """The new key first, then the rotation, then the old one can go."""
    settings = tmp_path / "api.toml"

    def rotate(*keys: str) -> Answer:
        settings.write_text(f"[credentials]\nkeys = {list(keys)}\n".replace("'", '"'))
        return admin("--settings", str(settings), "credentials", "rotate")

    old, new = "o" * 32, "n" * 32
    put_credential(tmp_path / "data", keyring([old], "x" * 32))
    answer = rotate("f" * 32)
    assert (answer.code, "no key opens 1: " in answer.err) == (1, True)
    assert rotate(new, old).out == "sealed anew: 1\n"
    assert rotate(new, old).out == rotate(new).out == "sealed anew: 0\n"
    assert rotate("short").code == 2


def put_credential(data: Path, keys: Keyring) -> None:
    """Store a credential of ann's, sealed by `keys`."""
    database = connect(Settings(), open_folder(data))
    try:

        def put(db: Connection) -> None:
            ann = accounts.find(db, "ann@example.com")
            made = create_key(db, ann.id, "main", KeyOptions(), now=1)
            caller = access.caller_of(db, made.secret, 1)
            credentials.put(db, keys, caller, Trace(), "ACME", "value", Settings().credentials, 1)

        asyncio.run(database.write(put))
    finally:
        database.close()
