"""sx under fire: workers are killed under uploads, installs, downloads and reports, and all of it holds.

On PostgreSQL one of two workers is killed at a time, on SQLite the server. SKILLPRESS_FIRE_SECONDS makes it
longer than the few seconds of CI.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, func, select

from dynamic_api.app import connect
from dynamic_api.database.tables import (
    asset_installs,
    audit_events,
    skill_versions,
    skills,
    usage_events,
    usage_reports,
)
from dynamic_api.private_store import open_private_store
from dynamic_api.server.data_folder import PRIVATE, open_folder
from dynamic_api.services import audit_seal
from dynamic_api.settings import parse
from dynamic_api.tasks.usage import Usage
from tests.api.packages import zipped
from tests.api.test_fire import PEOPLE, SECONDS, Fire, fire, insist
from tests.content_repo import skill_text

__all__ = ["fire"]
LINES = 5
ENOUGH, PATIENCE = 2 * LINES, 60.0
METADATA = '[asset]\nname = "{0}"\nversion = "{1}"\ntype = "skill"\n[skill]\nprompt-file = "SKILL.md"\n'
INSTALL = """mutation I($n: String!) { setAssetInstallations(input: {assetName: $n, repositories: [],
 personalOnly: true}) { errors { messages } } }"""


class Told:
    """What one client was told was done."""

    def __init__(self, number: int) -> None:
        self.name = f"fire-{number}"
        self.done: Counter[str] = Counter()
        self.version = 0


def live(fire: Fire, number: int, told: Told) -> None:
    """One machine: each call is repeated until it is answered."""
    chance = random.Random(number)
    head = {"authorization": f"Bearer {fire.secrets[number % PEOPLE]}"}
    calls = {"usage": report, "upload": upload, "download": download, "lock": lock, "install": install}
    with httpx2.Client(base_url=fire.url, headers=head, trust_env=False, timeout=10) as http:
        upload(fire, http, told)
        while not fire.over.is_set():
            calls[chance.choice(list(calls))](fire, http, told)


def report(fire: Fire, http: httpx2.Client, told: Told) -> None:
    told.done["used"] += LINES
    line = '{{"asset_name":"{0}","asset_version":"1","asset_type":"skill","id":"{0}-{1}"}}'
    lines = "\n".join(line.format(told.name, told.done["used"] + each) for each in range(LINES))
    headers = {"content-type": "application/x-ndjson"}
    answer = insist(fire, http, "POST", "/api/skills/usage", content=lines, headers=headers)
    if answer is not None:
        assert answer.status_code == 204, answer.text
        told.done["counted"] += LINES


def upload(fire: Fire, http: httpx2.Client, told: Told) -> None:
    wanted = told.version + 1
    files = {
        "SKILL.md": skill_text(told.name, f"Number {wanted}."),
        "metadata.toml": METADATA.format(told.name, wanted),
    }
    answer = insist(fire, http, "POST", "/api/skills/assets", files={"file": ("x.zip", zipped(files))})
    if answer is not None:
        # An answer that was lost was for an upload that is there.
        assert answer.status_code in {201, 409}, answer.text
        told.version = wanted


def download(fire: Fire, http: httpx2.Client, told: Told) -> None:
    path = f"/api/skills/assets/{told.name}/{told.version}/{told.name}-{told.version}.zip"
    answer = insist(fire, http, "GET", path)
    if answer is not None:
        assert answer.status_code == 200, answer.text
        told.done["downloaded"] += 1


def lock(fire: Fire, http: httpx2.Client, told: Told) -> None:
    answer = insist(fire, http, "GET", "/api/skills/sx.lock")
    if answer is not None:
        assert told.version == 0 or f'name = "{told.name}"' in answer.text


def install(fire: Fire, http: httpx2.Client, told: Told) -> None:
    body = {"query": INSTALL, "variables": {"n": told.name}}
    answer = insist(fire, http, "POST", "/graphql", json=body)
    if answer is not None:
        assert answer.json()["data"]["setAssetInstallations"]["errors"] == [], answer.text
        told.done["installed"] += 1


def kill_one(fire: Fire, chance: random.Random) -> None:
    """Kill a worker, which the supervisor replaces."""
    assert fire.server is not None
    parent = fire.server.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    workers = [int(each) for each in children if b"spawn_main" in command_of(each)]
    if workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
        fire.kills += 1


def command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def burning(fire: Fire, told: list[Told]) -> Iterator[None]:
    """Clients at work; what goes wrong in one fails the test."""
    faults: list[BaseException] = []

    def run(number: int) -> None:
        try:
            live(fire, number, told[number])
        except BaseException as error:  # noqa: BLE001 - it is for the test
            faults.append(error)

    clients = [threading.Thread(target=run, args=(number,)) for number in range(len(told))]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        fire.over.set()
        for client in clients:
            client.join(60)
    assert faults == []


@pytest.mark.slow
def test_what_sx_was_told_is_there_whatever_is_killed(fire: tuple[Fire, dict[str, Any]]) -> None:
    """Issue 6: the audit chains are whole, each use counts once, no version is lost or half."""
    made, table = fire
    shared = "database_url" in table["data"]
    if shared:
        made.kill()
        made.words += ["--workers", "2"]
        made.start()
    told, chance = [Told(number) for number in range(PEOPLE)], random.Random(2)
    with burning(made, told):
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends or (
            min(each.done["counted"] for each in told) < ENOUGH and time.monotonic() < ends + PATIENCE
        ):
            made.over.wait(chance.uniform(0.3, 1.5))
            if shared:
                kill_one(made, chance)
            else:
                made.kill()
                made.start()
    assert made.server is not None
    made.server.terminate()
    made.server.wait(60)
    check(made, table, told)


def check(fire: Fire, table: dict[str, Any], told: list[Told]) -> None:
    import asyncio

    settings, folder = parse(table, "fire"), open_folder(fire.cwd / "data")
    database, store = connect(settings, folder), open_private_store(str(folder.path / PRIVATE))
    try:
        asyncio.run(Usage(database).count())
        with database.engine.connect() as db:
            assert audit_seal.problems(db) == []
            assert db.execute(select(func.count()).select_from(usage_reports)).scalar_one() == 0
            for each in told:
                _check_one(db, store, each)
    finally:
        database.close()
    assert fire.kills > 3


def _check_one(db: Connection, store: Any, told: Told) -> None:
    events = audit_events.c
    named = select(skills.c.id).where(skills.c.slug == told.name)
    used = db.execute(select(func.count()).where(usage_events.c.asset_name == told.name)).scalar_one()
    # The last report may have no answer.
    assert told.done["counted"] <= used <= told.done["used"]
    rows = db.execute(select(skill_versions).where(skill_versions.c.skill_id.in_(named))).fetchall()
    assert told.version <= len(rows) <= told.version + 1
    assert {row.ordinal for row in rows} == set(range(1, len(rows) + 1))
    assert all(store.get(row.sha256) for row in rows)

    def logged(event: str) -> int:
        query = select(func.count()).where(events.event == event, events.target_name == told.name)
        return int(db.execute(query).scalar_one())

    assert logged("ASSET_PUBLISHED") == len(rows)
    assert logged("DOWNLOADED") >= told.done["downloaded"]
    installs = select(func.count()).where(asset_installs.c.skill_id.in_(named))
    assert db.execute(installs).scalar_one() >= (1 if told.done["installed"] else 0)
