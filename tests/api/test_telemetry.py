"""Telemetry and adoption (contracts/skillzdrive.md rows 34, 35, and 10), and what is forgotten in time."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text

from dynamic_api.clock import DAY
from dynamic_api.database.tables import audit_events, telemetry_events, webhook_deliveries, webhooks
from dynamic_api.services import telemetry
from dynamic_api.services.telemetry import Event
from dynamic_api.tasks.housekeeping import Housekeeper
from tests.api.world import Person, World, world

PATH = "/api/v1/telemetry/anonymous"
ADOPT = "/api/v1/migrations/anonymous-adopt"


def event(install_id: str, **more: Any) -> dict[str, Any]:
    return {
        "install_id": install_id,
        "event_type": "install",
        "cli_version": "0.1.0",
        "os": "darwin/arm64",
        "skill_slugs": ["pdf-tools"],
        "source_types": ["skillzdrive"],
        "metadata": {"installed": 2, "failed": 0},
        **more,
    }


@pytest.fixture
def install_id() -> str:
    return str(uuid.uuid4())


def stored(world: World, install_id: str, count: int = 1) -> list[Any]:
    """The events of an install id, once there are `count`."""
    query = select(telemetry_events).where(telemetry_events.c.install_id == install_id)
    for _ in range(3000):
        rows = world.read(lambda db: db.execute(query.order_by(telemetry_events.c.at)).all())
        if len(rows) >= count:
            return list(rows)
        world.anonymous.get("/healthz")
    raise AssertionError(f"{len(rows)} of {count} events")


def send(world: World, body: dict[str, Any], **headers: str) -> Any:
    return world.anonymous.post(PATH, json=body, headers=headers)


def test_event_is_recorded(api: World, install_id: str) -> None:
    """Row 34."""
    answer = send(api, event(install_id.upper()))
    assert (answer.status_code, answer.json()) == (202, {"data": {"recorded": True}})
    (row,) = stored(api, install_id)
    assert (row.event_type, row.cli_version, row.os, row.user_id) == (
        "install",
        "0.1.0",
        "darwin/arm64",
        None,
    )
    assert (row.skill_slugs, row.source_types) == ('["pdf-tools"]', '["skillzdrive"]')
    assert json.loads(row.details) == {"installed": 2, "failed": 0}


@pytest.mark.parametrize("kind", ["install", "sync", "update", "audit", "scan", "init_defaults", "login"])
def test_every_kind_of_event(api: World, install_id: str, kind: str) -> None:
    """10: event types."""
    body = {"install_id": install_id, "event_type": kind, "cli_version": "1", "os": "linux/x64"}
    assert send(api, body).status_code == 202
    (row,) = stored(api, install_id)
    assert (row.event_type, row.skill_slugs, row.source_types, row.details) == (kind, "[]", "[]", "{}")


def test_slugs_that_are_not_public_are_not_kept(api: World, install_id: str) -> None:
    """10: slugs of private skills tell what somebody works on."""
    send(api, event(install_id, skill_slugs=["acme-secret-plan", "text-facts", "no-such", "/home/me/x"]))
    (row,) = stored(api, install_id)
    assert row.skill_slugs == '["text-facts"]'


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
def test_opt_out_is_honoured(api: World, install_id: str, header: str) -> None:
    """10: our addition."""
    answer = send(api, event(install_id), **{header: "1"})
    assert (answer.status_code, answer.json()) == (202, {"data": {"recorded": False}})
    send(api, event(install_id), **{header: "0"})
    assert len(stored(api, install_id)) == 1


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """An API whose operator wants no telemetry."""
    folder = tmp_path_factory.mktemp("silent")
    with world(folder / "data", None, {"telemetry": {"enabled": False}}, registry) as made:
        yield made


def test_operator_may_want_none(silent: World, install_id: str) -> None:
    answer = send(silent, event(install_id))
    assert (answer.status_code, answer.json()["data"]) == (202, {"recorded": False})
    assert send(silent, event("nonsense")).status_code == 400


def test_stop_writes_what_waits(tmp_path: Path, registry: Path, install_id: str) -> None:
    """A graceful stop loses nothing, though an event waits in memory for a while."""
    settings = {"telemetry": {"flush_seconds": 3600}}
    with world(tmp_path / "data", None, settings, registry) as first:
        for _ in range(600):
            assert send(first, event(install_id)).status_code == 202
    with world(tmp_path / "data", None, settings, registry) as second:
        assert len(stored(second, install_id, 600)) == 600


def test_more_than_may_wait_is_refused(tmp_path: Path, registry: Path, install_id: str) -> None:
    settings = {"telemetry": {"flush_seconds": 3600, "waiting": 2}}
    with world(tmp_path / "data", None, settings, registry) as small:
        answers = [send(small, event(install_id)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert answers[2].json()["error"]["code"] == "telemetry_full"


def test_database_that_is_gone_keeps_events_waiting(api: World, install_id: str) -> None:
    """A flush that fails is tried again."""
    context = api.app.context
    with context.database.engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            return
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        send(api, event(install_id))
        assert len(context.inbox._waiting) <= 1
        connection.exec_driver_sql("ROLLBACK")
    stored(api, install_id)


GOOD = "3f2b8c1e-0d4a-4f6b-9a7c-123456789abc"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"install_id": None}, "body.install_id"),
        ({"install_id": ""}, "body.install_id"),
        ({"install_id": 7}, "body.install_id"),
        ({"install_id": "3f2b8c1e-0d4a-1f6b-9a7c-123456789abc"}, "body.install_id"),
        ({"install_id": "3f2b8c1e-0d4a-4f6b-7a7c-123456789abc"}, "body.install_id"),
        ({"install_id": "3f2b8c1e0d4a4f6b9a7c123456789abc"}, "body.install_id"),
        ({"install_id": GOOD + "\n"}, "body.install_id"),
        ({"install_id": "{" + GOOD + "}"}, "body.install_id"),
        ({"event_type": "uninstall"}, "body.event_type"),
        ({"event_type": "INSTALL"}, "body.event_type"),
        ({"event_type": None}, "body.event_type"),
        ({"cli_version": ""}, "body.cli_version"),
        ({"cli_version": "1" * 65}, "body.cli_version"),
        ({"os": None}, "body.os"),
        ({"os": "x" * 65}, "body.os"),
        ({"skill_slugs": "pdf"}, "body.skill_slugs"),
        ({"skill_slugs": ["a"] * 101}, "body.skill_slugs"),
        ({"skill_slugs": ["a" * 201]}, "body.skill_slugs[0]"),
        ({"skill_slugs": [None]}, "body.skill_slugs[0]"),
        ({"source_types": ["git hub"]}, "body.source_types[0]"),
        ({"source_types": ["x"] * 21}, "body.source_types"),
        ({"metadata": []}, "body.metadata"),
        ({"metadata": None}, "body.metadata"),
        ({"metadata": {"note": "x" * 4096}}, "body.metadata"),
        ({"installId": GOOD}, "body.installId"),
    ],
)
def test_bad_event(api: World, change: dict[str, Any], place: str) -> None:
    answer = send(api, event(GOOD) | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["place"]) == (400, "validation_error", place)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"install_id": "\\ud800"}', 400),
        (b'{"metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", 400),
        (b" " * (1024 * 1024 + 1), 413),
    ],
)
def test_bad_body(api: World, body: bytes, status: int) -> None:
    answer = api.anonymous.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]["code"]


def test_other_media_type_is_refused(api: World) -> None:
    answer = api.anonymous.post(PATH, content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_adoption_takes_earlier_events_and_later_ones(api: World, person: Person, install_id: str) -> None:
    """Row 35: back-fills, and is idempotent."""
    for kind in ("install", "sync"):
        send(api, event(install_id, event_type=kind))
    stored(api, install_id, 2)
    first = person.post(ADOPT, json={"install_id": install_id.upper()})
    assert first.status_code == 200
    data = first.json()["data"]
    assert (data["install_id"], data["events_adopted"]) == (install_id, 2)
    send(api, event(install_id, event_type="update"))
    rows = stored(api, install_id, 3)
    assert {row.user_id for row in rows} == {person.id}
    again = person.post(ADOPT, json={"install_id": install_id}).json()["data"]
    assert again == {**data, "events_adopted": 0}
    query = select(func.count()).select_from(audit_events).where(audit_events.c.target_name == install_id)
    assert api.read(lambda db: db.execute(query).scalar_one()) == 1


def test_event_stored_while_it_is_adopted_is_claimed(api: World, person: Person, install_id: str) -> None:
    """Row 35, later events: one that is being written just then is neither too early nor too late."""
    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    came = Event(install_id, "install", "0.1.0", "linux", (), (), b"{}", api.clock())

    def slowly(db: Connection) -> None:
        telemetry.store(db, [came], ())
        adopting.append(pool.submit(person.post, ADOPT, json={"install_id": install_id}))
        while db.dialect.name == "postgresql" and not adopting[0].done():
            if db.execute(waits).scalar_one():
                return

    adopting: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:
        api.write(slowly)
        assert adopting[0].result().json()["data"]["events_adopted"] == 1
    assert [row.user_id for row in stored(api, install_id)] == [person.id]


def test_other_account_is_told(api: World, person: Person, install_id: str) -> None:
    """Row 35: 409 install_id_claimed."""
    person.post(ADOPT, json={"install_id": install_id})
    answer = api.person().post(ADOPT, json={"install_id": install_id})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "install_id_claimed")


def test_of_many_at_once_one_gets_it(api: World, install_id: str) -> None:
    people = [api.person() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.post(ADOPT, json={"install_id": install_id}), people))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


@pytest.mark.parametrize("body", [{}, {"install_id": None}, {"install_id": "x"}, {"installId": GOOD}])
def test_bad_adoption(person: Person, body: Any) -> None:
    answer = person.post(ADOPT, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")


def test_adoption_needs_a_key(api: World, install_id: str) -> None:
    assert api.anonymous.post(ADOPT, json={"install_id": install_id}).status_code == 401


def test_what_is_old_is_forgotten(api: World, person: Person) -> None:
    """Retention by setting, in batches, and nothing younger."""
    now, old = api.clock(), str(uuid.uuid4())
    young = str(uuid.uuid4())
    base = {
        "event_type": "sync",
        "cli_version": "1",
        "os": "x",
        "skill_slugs": "[]",
        "source_types": "[]",
        "details": "{}",
    }
    rows = [{"id": uuid.uuid4().hex, "install_id": old, "at": now - 91 * DAY, **base} for _ in range(1500)]
    rows += [{"id": uuid.uuid4().hex, "install_id": young, "at": now - 89 * DAY, **base}]
    hook = {
        "id": uuid.uuid4().hex,
        "user_id": person.id,
        "event_type": "credits.exhausted",
        "target_url": "https://hooks.example/",
        "sealed": b"",
        "created_at": now,
    }
    sent = {"webhook_id": hook["id"], "event_type": "x", "body": b"{}", "created_at": now, "due_at": now}
    finished = [
        {"id": uuid.uuid4().hex, "status": "failed", "finished_at": now - age * DAY, **sent}
        for age in (31, 29)
    ]

    def put(db: Any) -> None:
        db.execute(insert(telemetry_events), rows)
        db.execute(insert(webhooks), hook)
        db.execute(insert(webhook_deliveries), finished)

    api.write(put)
    context = api.app.context
    keeper = Housekeeper(context.database, context.private_store, context.settings, api.clock)
    gone = asyncio.run(keeper.sweep(asyncio.Event()))
    assert (gone["telemetry"], gone["webhook deliveries"]) == (1500, 1)
    assert len(stored(api, young)) == 1
    count = select(func.count()).select_from(telemetry_events).where(telemetry_events.c.install_id == old)
    assert api.read(lambda db: db.execute(count).scalar_one()) == 0
