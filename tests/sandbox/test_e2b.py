"""What is E2B's own: the key, what its errors become, and that every machine is killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import e2b_stand_in
import pytest
from e2b_stand_in import KEY

from dynamic_api.errors import Absent, Unavailable
from dynamic_api.sandbox.base import Job, Limits
from dynamic_api.sandbox.e2b import E2BSandbox, Options


def test_without_a_key_nothing_is_run() -> None:
    async def drive() -> None:
        sandbox = E2BSandbox(Options(""))
        assert (await sandbox.start()).reason == "no API key of E2B is set"
        with pytest.raises(Unavailable, match="no API key"):
            await sandbox.open("one")

    asyncio.run(drive())


def test_key_is_not_shown() -> None:
    assert KEY not in repr(Options(KEY))


@pytest.mark.parametrize(("key", "port_is_open"), [("e2b_wrong", True), (KEY, False)])
def test_service_that_refuses_or_is_away_is_not_the_fault_of_the_caller(
    tmp_path: Path, key: str, port_is_open: bool
) -> None:
    async def drive(url: str) -> None:
        address = url if port_is_open else "http://127.0.0.1:9"
        sandbox = E2BSandbox(Options(key, api_url=address, sandbox_url=address))
        await sandbox.start()
        for _ in range(2):
            with pytest.raises(Unavailable) as refusal:
                await sandbox.open("one")
            assert refusal.value.code == "sandbox_failed"
            assert key not in refusal.value.message

    with e2b_stand_in.running(tmp_path) as url:
        asyncio.run(drive(url))


def test_limits_are_named_and_stop_kills_every_machine(tmp_path: Path) -> None:
    skill = tmp_path / "skill"
    skill.mkdir()
    for name, text in {"flood.sh": "yes", "sleep.sh": "sleep 60", "cpu.py": "while True: pass"}.items():
        (skill / name).write_text(text)
    limits = Limits(wall_seconds=1.5, cpu_seconds=1, output_bytes=200_000)

    async def drive(url: str) -> None:
        sandbox = E2BSandbox(Options(KEY, api_url=url, sandbox_url=url))
        await sandbox.start()
        names = {"flood.sh": "output", "sleep.sh": "wall", "cpu.py": "cpu"}
        for session, name in enumerate(names):
            await sandbox.open(f"s{session}")
            own = limits if name == "sleep.sh" else replace(limits, wall_seconds=30)
            outcome = await sandbox.run(f"s{session}", Job(skill, name, limits=own))
            assert outcome.limits_hit == (names[name],), outcome
            assert outcome.exit_code in {137, 152}
        await sandbox.stop()
        with pytest.raises(Absent):
            await sandbox.list("s0", "/work")

    with e2b_stand_in.running(tmp_path / "machines") as url:
        asyncio.run(drive(url))
