"""Runs that take too long, wait too long, or lose their sandbox (contracts/skillzdrive.md 7.2, 7.4)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from dynamic_api.memory.public_bytes import PublicBytes
from dynamic_api.private_store import open_private_store
from dynamic_api.runs.unpacked import Shelf
from registry_builder.store.target import open_reader
from tests.api.lab import (
    PRICE,
    SESSIONS,
    assert_balanced,
    balance,
    done,
    laboratory,
    run,
    scientist,
    scripts_of_runs,
    states,
    until,
    until_busy,
)
from tests.api.shelf import error
from tests.api.world import Person, World
from tests.databases import KINDS, new_url


@pytest.fixture(scope="module", params=KINDS)
def narrow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lab_registry: Path
) -> Iterator[World]:
    """A server on which everything is scarce."""
    folder = tmp_path_factory.mktemp(f"narrow-{request.param}")
    rules = {
        "wall_seconds": 1.0,
        "long_wall_seconds": 20.0,
        "long_cpu_seconds": 1,
        "concurrent": 2,
        "concurrent_per_account": 1,
        "queue": 2,
        "queue_per_account": 1,
        "queue_seconds": 0.3,
        "lease_seconds": 0.9,
    }
    with laboratory(
        folder / "data", new_url(request.param, folder, request), lab_registry, runs=rules
    ) as made:
        yield made
        assert_balanced(made)


@pytest.fixture
def poor(narrow: World) -> Person:
    return scientist(narrow, "kit")


def test_script_that_takes_too_long(narrow: World, poor: Person) -> None:
    """7.4: 504, with what it printed, and the advice to take a longer session; it was run, so it is paid."""
    key = {"Idempotency-Key": "slow"}
    answer = run(poor, "wait.py", "30", headers=key)
    assert error(answer) == (504, "script_timeout")
    said = answer.json()["error"]
    assert (said["stdout"], said["limits_hit"], said["credits_charged"]) == ("begun\n", ["wall"], PRICE)
    assert "sessionMinutes: 30" in said["mend"]
    assert poor.get(f"{SESSIONS}/{said['sessionId']}/files/tmp/last_run.out").content == b"begun\n"
    assert run(poor, "wait.py", "30", headers=key).content == answer.content
    assert (balance(narrow, poor), states(narrow, poor)) == (100 - PRICE, [("settled", "script_timeout")])
    assert done(poor, "wait.py", "1.3", sessionMinutes=30)["stdout"] == "begun\ndone\n"


def test_heartbeat_keeps_a_run_longer_than_its_lease(narrow: World, poor: Person) -> None:
    """D11: the lease is shorter than the script; nobody else ends it."""
    assert done(poor, "wait.py", "1.5", sessionMinutes=30)["credits_charged"] == 3 * PRICE
    assert states(narrow, poor) == [("settled", None)]


def test_processor_time(narrow: World, poor: Person) -> None:
    """7.2: a limit that ends the script, and is named; the run is paid."""
    result = done(poor, "spin.py", sessionMinutes=30)
    assert (result["limits_hit"], result["exit_code"] > 128) == (["cpu"], True)
    assert result["credits_charged"] == 3 * PRICE


def test_full_house(narrow: World) -> None:
    """429 when the account's own runs are in the way, 503 when the server is full, both with a time."""
    people = [scientist(narrow, "kit") for _ in range(3)]
    with ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(run, person, "wait.py", "1.8", sessionMinutes=30) for person in people[:2]]
        for person in people[:2]:
            until_busy(person)
        own, other = run(people[0], "echo.py"), run(people[2], "echo.py")
        assert [answer.result().status_code for answer in busy] == [200, 200]
    assert error(own) == (429, "too_many_runs")
    assert error(other) == (503, "queue_timeout")
    assert all(1 <= int(answer.headers["retry-after"]) <= 600 for answer in (own, other))
    assert [balance(narrow, person) for person in people] == [100 - 3 * PRICE, 100 - 3 * PRICE, 100]


def test_flood_of_one_account_leaves_room_for_another(narrow: World) -> None:
    flood, neighbour = scientist(narrow, "kit"), scientist(narrow, "kit")
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(run, flood, "wait.py", "0.5") for _ in range(8)]
        until_busy(flood)
        assert done(neighbour, "echo.py")["exit_code"] == 0
        codes = sorted(answer.result().status_code for answer in answers)
    assert codes[0] == 200
    assert set(codes) <= {200, 429, 503}
    assert balance(narrow, flood) == 100 - PRICE * codes.count(200)


def keepers() -> list[psutil.Process]:
    """Keepers of sandboxes that this process started."""
    return [
        child for child in psutil.Process().children() if any("keeper" in word for word in child.cmdline())
    ]


def test_sandbox_that_dies_is_not_paid_and_comes_back(
    lab_registry: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """7.4: a failure of the sandbox: 503, refunded; the next run finds a new sandbox."""
    before = {child.pid for child in keepers()}
    with laboratory(tmp_path / "data", None, lab_registry) as own:
        person = scientist(own, "kit")
        (keeper,) = [child.pid for child in keepers() if child.pid not in before]
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(run, person, "wait.py", "63")
            until(lambda: bool(scripts_of_runs("wait.py", "63")))
            os.kill(keeper, signal.SIGKILL)
            assert error(answer.result()) == (503, "sandbox_unavailable")
        until(lambda: not scripts_of_runs("wait.py", "63"))
        assert states(own, person) == [("refunded", "sandbox_unavailable")]
        assert balance(own, person) == 100
        until(lambda: run(person, "echo.py").status_code == 200)
        assert [row for row in states(own, person) if row[0] == "settled"] == [("settled", None)]
        assert len(person.get(SESSIONS).json()["data"]["sessions"]) == 1
        assert_balanced(own)


def test_many_at_once_unpack_one_skill(lab_registry: Path, tmp_path: Path) -> None:
    """Whoever is first puts the folder there, the others find it."""
    reader = open_reader(str(lab_registry))
    digest = next((lab_registry / "api/v1/downloads/public/kit").iterdir()).name.removesuffix(".zip")
    private = open_private_store(str(tmp_path / "private"), published=[])
    shelves = [Shelf(tmp_path / "skills", PublicBytes(reader), private) for _ in range(8)]

    async def all_at_once() -> list[Any]:
        return list(await asyncio.gather(*(shelf.get("kit", digest, is_published=True) for shelf in shelves)))

    assert len({unpacked.folder for unpacked in asyncio.run(all_at_once())}) == 1
    assert [path.name for path in (tmp_path / "skills").iterdir()] == [digest]
