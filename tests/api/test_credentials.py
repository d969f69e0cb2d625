"""Credentials (contracts/skillzdrive.md 13): sealed, masked, bound to their owner, rotated, never shown."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from sqlalchemy import select, update

from dynamic_api.database.tables import audit_events, credentials
from dynamic_api.errors import Unavailable, Unprocessable
from dynamic_api.sealing import keyring
from dynamic_api.services.credentials import masked, open_credentials
from dynamic_api.services.keys import KeyOptions
from dynamic_api.services.rotation import rotate
from tests.api.world import Person, World

PATH = "/api/v1/account/credentials"
VALUE = "hunter2-hunter2-hunter2-ä9"


def put(person: Person, name: str = "ACME_KEY", value: Any = VALUE) -> Any:
    return person.put(f"{PATH}/{name}", json={"value": value})


def test_value_is_kept_and_never_shown(api: World, person: Person) -> None:
    answer = put(person)
    shown = answer.json()["data"]
    assert answer.status_code == 200
    assert (shown["name"], shown["masked"]) == ("ACME_KEY", "…2-ä9")
    assert person.get(f"{PATH}/ACME_KEY").json() == {"data": shown}
    assert person.get(PATH).json() == {"data": {"credentials": [shown]}}
    texts = [answer.text, person.get(PATH).text, person.get(f"{PATH}/ACME_KEY").text]
    assert not any("hunter" in text for text in texts)
    keys = api.app.context.keys
    assert api.read(lambda db: open_credentials(db, keys, person.id, ["ACME_KEY"])) == {"ACME_KEY": VALUE}


def test_database_and_audit_log_do_not_hold_the_value(api: World, person: Person) -> None:
    put(person)
    put(person, value=VALUE)
    sealed = api.read(
        lambda db: db.execute(
            select(credentials.c.sealed).where(credentials.c.user_id == person.id)
        ).scalar_one()
    )
    assert b"hunter" not in sealed
    events = api.read(
        lambda db: db.execute(select(audit_events).where(audit_events.c.actor_id == person.id)).all()
    )
    assert [event.event for event in events] == ["CREDENTIAL_SET", "CREDENTIAL_SET"]
    assert "hunter" not in repr(events)


def test_replaced_value_is_sealed_with_another_nonce(api: World, person: Person) -> None:
    def sealed() -> bytes:
        own = credentials.c.user_id == person.id
        return api.read(lambda db: db.execute(select(credentials.c.sealed).where(own)).scalar_one())

    created = put(person).json()["data"]["created_at"]
    first = sealed()
    assert put(person).json()["data"]["created_at"] == created
    assert sealed() != first
    assert sealed()[9:21] != first[9:21]


def test_value_moved_to_another_owner_or_name_does_not_open(api: World, person: Person) -> None:
    """The seal is bound to user and name."""
    put(person)
    stranger = api.person()
    put(stranger, "OTHER", "something else")
    keys = api.app.context.keys
    stolen = select(credentials.c.sealed).where(credentials.c.user_id == person.id).scalar_subquery()
    api.write(
        lambda db: db.execute(
            update(credentials).where(credentials.c.user_id == stranger.id).values(sealed=stolen)
        )
    )
    with pytest.raises(Unavailable):
        api.read(lambda db: open_credentials(db, keys, stranger.id, ["OTHER"]))


def test_missing_ones_are_named_together(api: World, person: Person) -> None:
    """2.2: missing_credentials."""
    put(person)
    keys = api.app.context.keys
    with pytest.raises(Unprocessable) as refusal:
        api.read(lambda db: open_credentials(db, keys, person.id, ["B", "ACME_KEY", "A"]))
    assert (refusal.value.code, refusal.value.message) == ("missing_credentials", "not stored: A, B")
    assert api.read(lambda db: open_credentials(db, keys, person.id, [])) == {}


def test_delete(api: World, person: Person) -> None:
    put(person)
    assert person.delete(f"{PATH}/ACME_KEY").status_code == 204
    for answer in (person.delete(f"{PATH}/ACME_KEY"), person.get(f"{PATH}/ACME_KEY")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "credential_not_found")


def test_others_find_nothing(api: World, person: Person) -> None:
    put(person)
    stranger = api.person()
    assert stranger.get(PATH).json()["data"]["credentials"] == []
    for method in ("GET", "DELETE"):
        theirs = stranger.request(method, f"{PATH}/ACME_KEY")
        assert (theirs.status_code, theirs.json()) == (
            404,
            stranger.request(method, f"{PATH}/NOTHING").json(),
        )


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/A"), ("PUT", "/A"), ("DELETE", "/A")])
def test_scoped_key_may_not(api: World, method: str, path: str) -> None:
    """A key that a partner gave to one of their users does not see the account's credentials."""
    scoped = api.person(options=KeyOptions(kind="scoped"))
    content = {"json": {"value": "x"}} if method == "PUT" else {}
    answer = scoped.request(method, f"{PATH}{path}", **content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "all_skills_key_required")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("1A", "validation_error"),
        ("A-B", "validation_error"),
        ("A B", "validation_error"),
        ("A=B", "validation_error"),
        ("É", "validation_error"),
        ("A" * 129, "validation_error"),
        ("%00", "validation_error"),
        ("PATH", "reserved_name"),
        ("path", "reserved_name"),
        ("HOME", "reserved_name"),
        ("LD_PRELOAD", "reserved_name"),
        ("LD_LIBRARY_PATH", "reserved_name"),
        ("DYLD_INSERT_LIBRARIES", "reserved_name"),
        ("PYTHONPATH", "reserved_name"),
        ("PYTHONSTARTUP", "reserved_name"),
        ("NODE_OPTIONS", "reserved_name"),
        ("BASH_ENV", "reserved_name"),
        ("GIT_SSH_COMMAND", "reserved_name"),
        ("HTTPS_PROXY", "reserved_name"),
        ("SKILLPRESS_API_DATA_SECRET", "reserved_name"),
    ],
)
def test_bad_name(person: Person, name: str, code: str) -> None:
    answer = put(person, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["place"] == "path.name"


@pytest.mark.parametrize("name", ["A", "_a", "acme_key2", "OPENAI_API_KEY", "A" * 128, "PAT", "LDAP_URL"])
def test_good_name(person: Person, name: str) -> None:
    assert put(person, name).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ("{}", 400, "body.value"),
        ('{"value": null}', 400, "body.value"),
        ('{"value": ""}', 400, "body.value"),
        ('{"value": 7}', 400, "body.value"),
        ('{"value": ["a"]}', 400, "body.value"),
        ('{"Value": "a"}', 400, "body.Value"),
        ('{"value": "a", "name": "b"}', 400, "body.name"),
        ('{"value": "a\\u0000b"}', 400, "body"),
        ('{"value": "\\ud800"}', 400, "body"),
        ("nonsense", 400, "body"),
        (json.dumps({"value": "ä" * 4097}), 413, "body.value"),
    ],
)
def test_bad_value(person: Person, body: str, status: int, place: str) -> None:
    answer = person.put(f"{PATH}/A", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["place"]) == (status, place)
    assert person.get(PATH).json()["data"]["credentials"] == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [("short", "…"), ("x" * 15, "…"), ("x" * 12 + "abcd", "…abcd"), ("-----END KEY-----\nab\n", "…")],
)
def test_mask(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_lines_of_a_key_are_kept(api: World, person: Person) -> None:
    value = "-----BEGIN KEY-----\nYWJj\n-----END KEY-----\n"
    put(person, "PEM", value)
    keys = api.app.context.keys
    assert api.read(lambda db: open_credentials(db, keys, person.id, ["PEM"])) == {"PEM": value}


def test_rotation(api: World, person: Person) -> None:
    """Old keys still open; after the rotation the new one alone does."""
    for number in range(5):
        put(person, f"KEY_{number}", f"value {number}")
    hook = {"event_type": "credits.exhausted", "target_url": "https://192.0.2.1/"}
    assert person.post("/api/v1/account/webhooks", json=hook).status_code == 422
    new = "n" * 40
    both, alone = keyring([new], api.app.context.secret), keyring([], new)
    names = [f"KEY_{number}" for number in range(5)]
    with pytest.raises(Unavailable):
        api.read(lambda db: open_credentials(db, alone, person.id, names))
    place, resealed, rounds = "", 0, 0
    while rounds == 0 or place:
        done = api.write(lambda db: rotate(db, both, now=api.clock(), after=place, most=2))  # noqa: B023
        place, resealed, rounds = done.last, resealed + done.resealed, rounds + 1
    assert (resealed >= 5, rounds > 3) == (True, True)
    values = api.read(lambda db: open_credentials(db, alone, person.id, names))
    assert values == {name: f"value {number}" for number, name in enumerate(names)}
    assert api.write(lambda db: rotate(db, both, now=api.clock())).resealed == 0
    # Back to the key of this process, for the tests that follow.
    back = keyring([api.app.context.secret], new)
    api.write(lambda db: rotate(db, back, now=api.clock()))
    api.write(lambda db: rotate(db, back, now=api.clock(), after="webhook "))


def test_value_is_in_no_log_line(person: Person, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("skillpress")
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.DEBUG, "skillpress"):
            put(person)
            put(person, "PATH")
            person.put(f"{PATH}/A", json={"value": VALUE, "more": VALUE})
    finally:
        logger.removeHandler(caplog.handler)
    assert "hunter" not in caplog.text
    assert "hunter" not in repr([record.__dict__ for record in caplog.records])
