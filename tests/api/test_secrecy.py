"""What gets into the log: what happened, and never a key, a token, a query string or a body."""

from __future__ import annotations

import json
import logging
import uuid

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from dynamic_api import logs
from dynamic_api.database.tables import credentials
from tests.api.world import Person, World


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> object:
    """Everything that this process wrote since the test began, with our own log set up as `serve` does."""
    loggers = [logging.getLogger(name) for name in ("skillpress", "dynamic_api", None)]
    before = [(one.handlers, one.level, one.propagate) for one in loggers]
    logs.set_up()

    def read() -> str:
        captured = capfd.readouterr()
        return captured.out + captured.err

    yield read
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def test_no_secret_is_in_a_line(api: World, person: Person, lines: object) -> None:
    """Keys good and bad, tickets, signed links, query strings, bodies, secrets of webhooks, credentials."""
    word = f"sesame{uuid.uuid4().hex}"
    ticket = person.post("/api/v1/uploads/ticket", json={}).json()["data"]["uploadToken"]
    bad_zip = {"file": ("x.zip", word.encode(), "application/zip")}
    api.anonymous.post(
        "/api/uploads/process-skill", files=bad_zip, headers={"authorization": f"Bearer {ticket}"}
    )
    person.put("/api/v1/account/credentials/ACME_KEY", json={"value": word})
    person.put("/api/v1/account/credentials/PATH", json={"value": word})
    person.post("/api/v1/drive/import", json={"skillSlug": word})
    person.post("/api/v1/drive/import", json={"skillSlug": word, "more": word})
    person.get("/api/v1/skills", params={"q": word})
    person.get("/api/v1/skills/discover", params={"keywords": word, "apiKey": person.key})
    api.anonymous.get("/api/v1/account/credits", headers={"authorization": f"Bearer sk_live_{word}"})
    api.anonymous.get("/api/v1/account/credits", headers={"authorization": f"Basic {word}"})
    api.anonymous.get("/api/v1/downloads/private/" + "0" * 64, params={"signature": word, "expires": word})
    api.anonymous.get("/healthz", headers={"x-forwarded-for": word, "user-agent": word, "cookie": word})
    for client in (person, api.anonymous):
        # On the same connection, so that the line before it is written.
        client.get("/healthz")
    written = lines()  # type: ignore[operator]
    assert word not in written
    assert person.key not in written
    assert ticket not in written
    assert "?" not in "".join(json.loads(line)["path"] for line in written.splitlines() if '"path"' in line)


def test_line_of_a_request(api: World, person: Person, lines: object) -> None:
    """What is in it instead: who by the prefix of the key, what by route and status."""
    person.get("/api/v1/account/credits?secret=1", headers={"x-request-id": "look-for-this-1"})
    person.get("/healthz")
    (line,) = [line for line in lines().splitlines() if "look-for-this-1" in line]  # type: ignore[operator]
    found = json.loads(line)
    assert (found["method"], found["route"], found["status"]) == ("GET", "account_credits", 200)
    assert (found["path"], found["caller"]) == ("/api/v1/account/credits", person.key[:12])
    assert found["address"] == "127.0.0.1"


def test_failure_of_the_database_does_not_show_what_was_written(api: World, person: Person) -> None:
    """A traceback goes to the log; values that were bound do not go with it."""
    row = {
        "user_id": person.id,
        "name": "A",
        "sealed": b"sesame-bytes",
        "masked": "sesame-text",
        "created_at": 1,
        "updated_at": 1,
    }
    api.write(lambda db: db.execute(insert(credentials), row).rowcount)
    with pytest.raises(IntegrityError) as failure:
        api.write(lambda db: db.execute(insert(credentials), row).rowcount)
    assert "sesame" not in str(failure.value)


def test_fault_behind_the_api_is_told_to_the_operator(api: World, person: Person, lines: object) -> None:
    """The caller hears only that it may try again; the cause is in the log, with the request's id."""
    logs.set_up()
    store = api.app.context.private_store
    root, away = store.root, store.root.with_name("away")  # type: ignore[attr-defined]
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    root.rename(away)
    try:
        asked = {"x-request-id": f"fault-{person.id}"}
        answer = person.post("/api/v1/downloads", json={"scope": "drive"}, headers=asked)
        ready = api.anonymous.get("/readyz")
    finally:
        away.rename(root)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "No such file" in ready.json()["parts"]["private_store"]
    assert api.anonymous.get("/readyz").json()["parts"]["private_store"] == "ok"
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    found = [json.loads(line) for line in lines().splitlines() if person.id in line]  # type: ignore[operator]
    (told,) = [line for line in found if line["level"] == "warning"]
    assert "[private_store_unavailable]: FileNotFoundError" in told["message"]


def test_libraries_write_json_too(api: World, person: Person, lines: object) -> None:
    """Whoever collects the lines reads each of them alike."""
    logs.set_up()
    ticket = person.post("/api/v1/uploads/ticket", json={}).json()["data"]["uploadToken"]
    headers = {"authorization": f"Bearer {ticket}", "content-type": "multipart/form-data; boundary=XX"}
    answer = api.anonymous.post("/api/uploads/process-skill", content=b"--YY\r\n", headers=headers)
    assert answer.status_code == 400
    written = [json.loads(line) for line in lines().splitlines()]  # type: ignore[operator]
    assert "python_multipart.multipart" in {line.get("logger") for line in written}
