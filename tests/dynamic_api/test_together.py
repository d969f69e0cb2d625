"""What many ask for at once is made by one call, and the fault of one is not that of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dynamic_api.errors import Absent, Refusal, Unavailable
from dynamic_api.memory.together import Together


class Oven:
    """Makes the square of a number, and remembers what it was asked for at once."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    async def bake(self, asked: Sequence[int]) -> list[int | Refusal]:
        self.calls.append(list(asked))
        await asyncio.sleep(0)
        if 7 in asked:
            raise Unavailable("away", "the database does not answer")
        if 13 in asked:
            raise ZeroDivisionError
        return [Absent("odd", "an odd one") if each == 3 else each * each for each in asked]


def asked(oven: Oven, *numbers: int, most: int = 4) -> list[object]:
    async def all_at_once() -> list[object]:
        together = Together(oven.bake, most)
        values = [together.value(number) for number in numbers]
        return await asyncio.gather(*values, return_exceptions=True)

    return [value if isinstance(value, int) else type(value).__name__ for value in asyncio.run(all_at_once())]


def test_who_asks_at_once_is_served_at_once_and_each_once() -> None:
    oven = Oven()
    assert asked(oven, 1, 2, 1, 4, 2) == [1, 4, 1, 16, 4]
    assert oven.calls == [[1, 2, 4]]


def test_no_call_is_larger_than_told() -> None:
    oven = Oven()
    assert asked(oven, *range(20, 29)) == [number * number for number in range(20, 29)]
    assert [len(call) for call in oven.calls] == [4, 4, 1]


def test_a_refusal_is_for_whom_it_concerns() -> None:
    assert asked(Oven(), 2, 3, 4) == [4, "Absent", 16]


def test_what_keeps_all_from_being_made_is_told_to_all_after_one_try() -> None:
    oven = Oven()
    assert asked(oven, 2, 7, 4) == ["Unavailable"] * 3
    assert oven.calls == [[2, 7, 4]]


def test_a_fault_at_one_fails_for_it_alone() -> None:
    oven = Oven()
    assert asked(oven, 2, 13, 4, 5, 6) == [4, "ZeroDivisionError", 16, 25, 36]
    assert oven.calls == [[2, 13, 4, 5], [2], [13], [4], [5], [6]]


def test_who_comes_while_something_is_made_is_served_by_the_next_call() -> None:
    oven = Oven()

    async def one_after_the_other() -> list[int]:
        together = Together(oven.bake, 4)
        first = asyncio.create_task(together.value(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [await together.value(1), await first]

    assert asyncio.run(one_after_the_other()) == [1, 1]
    assert oven.calls == [[1], [1]]


def test_who_has_gone_is_not_waited_for() -> None:
    async def cancelled() -> int:
        together = Together(Oven().bake, 4)
        gone = asyncio.create_task(together.value(2))
        stays = asyncio.create_task(together.value(2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(cancelled()) == 4
