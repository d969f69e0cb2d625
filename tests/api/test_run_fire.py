"""Billing under fire (DESIGN.md D11): servers are killed or stopped while scripts run, on both databases."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import tomli_w
from sqlalchemy import Connection, func, select

from dynamic_api.app import connect
from dynamic_api.database.tables import credit_entries, run_sessions, runs, users
from dynamic_api.server.data_folder import open_folder
from dynamic_api.services import accounts, credits, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Settings, parse
from tests.api.lab import PRICE, RUNS, SESSIONS, public_folder, scripts_of_runs, until
from tests.api.shelf import error
from tests.content_repo import COMMAND, environment
from tests.databases import KINDS, new_url

SECONDS = float(os.environ.get("SKILLPRESS_FIRE_SECONDS", "12"))
PEOPLE, GRANT = 3, 10_000


@dataclass(slots=True)
class Furnace:
    """A server that can be killed and started again, on one port, and what its clients were told."""

    settings: Settings
    port: int
    cwd: Path
    secrets: list[str]
    server: subprocess.Popen[bytes] | None = None
    told: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = [*COMMAND, "api", "--port", str(self.port), "--data", "data", "--settings", "api.toml"]
        quiet = environment({"SKILLPRESS_API_SERVER_ACCESS_LOG": "false"})
        with (self.cwd / "server.log").open("ab") as log:
            self.server = subprocess.Popen(words, cwd=self.cwd, env=quiet, stderr=log)
        until(self._answers, 60)

    def _answers(self) -> bool:
        with suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        return False

    def end(self, number: signal.Signals) -> None:
        assert self.server is not None
        self.server.send_signal(number)
        self.server.wait(30)

    def client(self, number: int) -> httpx2.Client:
        head = {"authorization": f"Bearer {self.secrets[number]}"}
        return httpx2.Client(base_url=self.url, headers=head, trust_env=False, timeout=30)

    @contextmanager
    def books(self) -> Iterator[Connection]:
        """The database, while the server runs or not."""
        database = connect(self.settings, open_folder(self.cwd / "data"))
        try:
            with database.engine.connect() as db:
                yield db
        finally:
            database.close()

    def ends(self) -> list[tuple[str, str | None]]:
        with self.books() as db:
            rows = db.execute(select(runs.c.state, runs.c.reason).order_by(runs.c.created_at)).all()
            return [(row.state, row.reason) for row in rows]


@pytest.fixture(params=KINDS)
def furnace(request: pytest.FixtureRequest, tmp_path: Path, lab_registry: Path) -> Iterator[Furnace]:
    """Accounts with plenty of credits and a skill with scripts; a server with short leases."""
    url = new_url(request.param, tmp_path, request) if request.param == "postgresql" else None
    with public_folder() as store, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        table: dict[str, Any] = {
            "server": {"grace_seconds": 1.0},
            "data": {"registry": str(lab_registry)} | ({"database_url": url} if url else {}),
            "credits": {"initial_grant": GRANT, "default_tier": "pro", "import_cost_public": 0},
            "limits": {"key_per_minute": 0},
            "runs": {
                "backend": "bubblewrap",
                "allow_no_cgroup": True,
                "store": str(store / "store"),
                "lease_seconds": 1.0,
                "sweep_seconds": 0.1,
                "queue_seconds": 5.0,
            },
        }
        settings = parse(table, "fire")
        (tmp_path / "api.toml").write_text(tomli_w.dumps(table))
        made = Furnace(settings, probe.getsockname()[1], tmp_path, people(settings, tmp_path))
        probe.close()
        made.start()
        try:
            for number in range(PEOPLE):
                with made.client(number) as client:
                    answer = client.post("/api/v1/drive/import", json={"skillSlug": "kit"})
                    assert answer.status_code == 201, answer.text
            yield made
        finally:
            made.over.set()
            if made.server is not None and made.server.poll() is None:
                made.end(signal.SIGKILL)


def people(settings: Settings, folder: Path) -> list[str]:
    """Keys of new accounts."""

    def make(db: Connection) -> list[str]:
        made = [accounts.create(db, f"p{n}@example.com", settings.credits, now=0) for n in range(PEOPLE)]
        return [keys.create(db, user.id, "main", KeyOptions(), now=0).secret for user in made]

    database = connect(settings, open_folder(folder / "data"))
    try:
        return asyncio.run(database.write(make))
    finally:
        database.close()


def begin(furnace: Furnace, heard: list[Any]) -> threading.Thread:
    """A run of a minute; returns when its script is under way."""

    def call() -> None:
        body = {"skillSlug": "kit", "scriptName": "wait.py", "args": ["60.25"]}
        with furnace.client(0) as client, suppress(httpx2.HTTPError):
            heard.append(client.post(RUNS, json=body))

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: bool(scripts_of_runs("wait.py", "60.25")))
    return thread


def test_killed_server_gives_back_what_it_could_not_finish(furnace: Furnace) -> None:
    """4.4, 7.4: the script dies with it; the next start refunds the run when its lease has passed."""
    waiting = begin(furnace, [])
    furnace.end(signal.SIGKILL)
    waiting.join(30)
    until(lambda: not scripts_of_runs("wait.py", "60.25"))
    assert furnace.ends()[0][0] in {"reserved", "running"}
    furnace.start()
    until(lambda: furnace.ends() == [("refunded", "server_lost")])
    with furnace.client(0) as client:
        shown = client.get("/api/v1/account/credits").json()["data"]
        assert (shown["balance"], shown["monthly_skill_calls"]) == (GRANT, 0)
        assert [row["amount"] for row in shown["transactions"][:2]] == [PRICE, -PRICE]
        assert client.get(SESSIONS).json()["data"]["sessions"] == []
        with furnace.books() as db:
            (session,) = db.execute(select(run_sessions.c.id)).scalars()
        only_one = furnace.settings.data.database_url is None
        expected = (404, "session_not_found") if only_one else (503, "session_elsewhere")
        assert error(client.get(f"{SESSIONS}/{session}/files")) == expected
    check(furnace)


def test_stopped_server_gives_back_at_once(furnace: Furnace) -> None:
    """7.4: SIGTERM, and the script takes longer than the grace: stopped, refunded, sessions closed."""
    heard: list[Any] = []
    waiting = begin(furnace, heard)
    furnace.end(signal.SIGTERM)
    waiting.join(30)
    assert [error(answer) for answer in heard] == [(503, "server_stopping")]
    assert not scripts_of_runs("wait.py", "60.25")
    assert furnace.ends() == [("refunded", "server_stopping")]
    with furnace.books() as db:
        assert db.execute(select(run_sessions.c.closed_at.is_not(None))).scalars().all() == [True]
    check(furnace)


def live(furnace: Furnace, number: int) -> None:
    """One client that runs, waits, leaves, closes, repeats."""
    chance = random.Random(number)
    with furnace.client(number % PEOPLE) as client:
        while not furnace.over.is_set():
            script, args = chance.choice([("echo.py", []), ("fail.sh", []), ("wait.py", ["0.3"])])
            body: dict[str, Any] = {"skillSlug": "kit", "scriptName": script, "args": args}
            body["reuseSession"] = chance.random() < 0.3
            head = {"idempotency-key": uuid.uuid4().hex} if chance.random() < 0.6 else {}
            patience = 0.15 if chance.random() < 0.2 else 30
            with suppress(httpx2.HTTPError):
                for _ in range(2 if head else 1):
                    answer = client.post(RUNS, json=body, headers=head, timeout=patience)
                    # 404: another client of the account closed the session in which this run was to begin.
                    assert answer.status_code in {200, 404, 409, 429, 503}, answer.text
                    if answer.status_code == 200:
                        result = answer.json()["data"]
                        furnace.told[result["run_id"]] = result["credits_charged"]
                if chance.random() < 0.2:
                    for row in client.get(SESSIONS).json()["data"]["sessions"]:
                        client.delete(f"{SESSIONS}/{row['sessionId']}")


@pytest.mark.slow
def test_ledger_holds_whatever_is_killed(furnace: Furnace) -> None:
    """4.4, 2.5, 7.4. SKILLPRESS_FIRE_SECONDS makes it longer than the few seconds of CI."""
    chance = random.Random(7)
    clients = [threading.Thread(target=live, args=(furnace, number)) for number in range(6)]
    for client in clients:
        client.start()
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        furnace.over.wait(chance.uniform(2.5, 5.0))
        furnace.end(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        furnace.start()
    furnace.over.set()
    for client in clients:
        client.join(60)
    until(lambda: {state for state, _ in furnace.ends()} <= {"settled", "refunded"})
    furnace.end(signal.SIGTERM)
    check(furnace)
    assert len(furnace.told) > 3


def check(furnace: Furnace) -> None:
    """Every balance is the sum of its entries; each run was paid once, and given back once or never."""
    with furnace.books() as db:
        count, faults = credits.verify(db)
        assert (count >= PEOPLE, faults) == (True, [])
        entry = credit_entries.c
        booked = select(entry.reference, entry.kind, entry.amount).where(entry.kind.like("run%"))
        ledger: dict[str, list[tuple[str, int]]] = {}
        for row in db.execute(booked.order_by(entry.user_id, entry.number)):
            ledger.setdefault(row.reference, []).append((row.kind, row.amount))
        states = {row.id: row.state for row in db.execute(select(runs.c.id, runs.c.state))}
        kept, given_back = [("run", -PRICE)], [("run", -PRICE), ("run_refund", PRICE)]
        expected = {run: kept if state == "settled" else given_back for run, state in states.items()}
        assert ledger == expected
        settled = sum(state == "settled" for state in states.values())
        spent = db.execute(select(func.sum(GRANT - users.c.balance))).scalar_one()
        assert spent == settled * PRICE
        assert int(db.execute(select(func.sum(users.c.skill_calls))).scalar_one()) == settled
    for run_id, charged in furnace.told.items():
        assert (states[run_id], charged) in {("settled", PRICE), ("refunded", 0)}
