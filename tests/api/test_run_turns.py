"""Turns of runs: bounded, and fair between accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dynamic_api.errors import Limited, Refusal, Unavailable
from dynamic_api.run_settings import Runs
from dynamic_api.runs.turns import Gone, Turns


class Track:
    """Runs that hold their place until they are told to end, in the order in which they began."""

    def __init__(self, **rules: Any) -> None:
        self.turns = Turns(Runs(**rules))
        self.began: list[str] = []
        self.gone: dict[str, asyncio.Event] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[str]] = {}

    async def start(self, *names: str) -> None:
        """Start "a1", "b1", …: the letter is the account."""
        for name in names:
            self.gone[name], self._ends[name] = asyncio.Event(), asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._hold(name))
            await settled()

    async def _hold(self, name: str) -> str:
        try:
            async with self.turns.turn(name[0], self.gone[name]):
                self.began.append(name)
                await self._ends[name].wait()
        except Refusal as refusal:
            return refusal.code
        return "done"

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await settled()

    async def end_all(self) -> None:
        for event in self._ends.values():
            event.set()
        await asyncio.gather(*self.tasks.values())
        assert (self.turns.running.total(), self.turns.waiting) == (0, 0)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def on_a_track(play: Callable[[Track], Coroutine[Any, Any, None]], **rules: Any) -> None:
    async def whole() -> None:
        track = Track(**rules)
        await play(track)
        await track.end_all()

    asyncio.run(whole())


def test_accounts_take_turns_however_much_one_asks() -> None:
    async def play(track: Track) -> None:
        await track.start("a1", "a2", "a3", "a4", "b1", "c1", "b2")
        assert track.began == ["a1", "a2"]
        await track.end("a1", "a2", "a3", "b1", "c1", "a4")
        assert track.began == ["a1", "a2", "a3", "b1", "c1", "a4", "b2"]

    on_a_track(play, concurrent=2, concurrent_per_account=2)


def test_an_account_never_has_more_than_its_share() -> None:
    async def play(track: Track) -> None:
        await track.start("a1", "a2", "a3", "b1")
        assert track.began == ["a1", "b1"]
        await track.end("b1")
        assert track.began == ["a1", "b1"]
        await track.end("a1")
        assert track.began == ["a1", "b1", "a2"]

    on_a_track(play, concurrent=4, concurrent_per_account=1)


def test_the_line_is_bounded() -> None:
    async def play(track: Track) -> None:
        await track.start("a1", "a2", "a3", "a4", "b1", "c1")
        assert await track.tasks["a4"] == "too_many_runs"
        assert await track.tasks["c1"] == "queue_full"
        assert track.turns.waiting == 3

    on_a_track(play, concurrent=1, concurrent_per_account=1, queue=3, queue_per_account=2)


@pytest.mark.parametrize(
    ("rules", "kind"),
    [({"concurrent": 1}, Unavailable), ({"concurrent_per_account": 1}, Limited)],
)
def test_waiting_ends_with_when_to_come_back(rules: dict[str, int], kind: type[Refusal]) -> None:
    """503 when the server is full, 429 when the account itself is in the way."""

    async def play() -> None:
        turns = Turns(Runs(queue_seconds=0.01, **rules))
        first, second = ("a", "b") if kind is Unavailable else ("a", "a")
        async with turns.turn(first, asyncio.Event()):
            with pytest.raises(kind) as refused:
                async with turns.turn(second, asyncio.Event()):
                    raise AssertionError("there was no place")
        assert int(refused.value.headers["Retry-After"]) >= 1
        assert (turns.waiting, turns.running.total()) == (0, 0)

    asyncio.run(play())


def test_who_leaves_the_line_takes_no_place() -> None:
    async def play(track: Track) -> None:
        await track.start("a1", "b1", "c1")
        track.gone["b1"].set()
        assert await track.tasks["b1"] == Gone().code
        await track.end("a1")
        assert track.began == ["a1", "c1"]

    on_a_track(play, concurrent=1)
