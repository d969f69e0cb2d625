"""Limits of many processes, counted in a real Redis: in a crowd, while it is away, and when it is back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from dynamic_api.limiter import AWAY_SECONDS
from dynamic_api.services.keys import KeyOptions
from tests.api.shelf import error
from tests.api.test_limits import CREDITS, LIMITS, SEARCH, ask, told
from tests.api.world import Person, World, world
from tests.databases import new_url
from tests.redis_server import Redis, running

CROWD = 50


@pytest.fixture
def redis() -> Iterator[Redis]:
    with running() as server:
        yield server


@pytest.fixture
def pair(
    tmp_path: Path, registry: Path, redis: Redis, request: pytest.FixtureRequest
) -> Iterator[tuple[World, World]]:
    """Two processes, as it were, on one database and one Redis."""
    url = new_url("postgresql", tmp_path, request)
    settings = {"limits": LIMITS | {"storage": redis.address}}
    with (
        world(tmp_path / "one", url, settings, registry) as one,
        world(tmp_path / "two", url, settings, registry) as two,
    ):
        yield one, two


def crowd(pair: Sequence[World], person: Person, calls: int) -> tuple[Counter[int], float]:
    """How often each status came, and the longest wait, of a crowd that calls both at once."""

    def one(number: int) -> list[tuple[int, float]]:
        found = []
        headers = {"authorization": f"Bearer {person.key}"}
        url = pair[number % len(pair)].url
        with httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
            for _ in range(calls):
                began = time.monotonic()
                status = http.get(CREDITS).status_code
                found.append((status, time.monotonic() - began))
        return found

    with ThreadPoolExecutor(CROWD) as pool:
        answers = [each for some in pool.map(one, range(CROWD)) for each in some]
    return Counter(status for status, _ in answers), max(seconds for _, seconds in answers)


def test_crowd_gets_what_the_limit_says_and_no_call_more(pair: tuple[World, World]) -> None:
    """2.3: counted together by both processes."""
    person = pair[0].person(options=KeyOptions(rate_limit_per_minute=70))
    statuses, _ = crowd(pair, person, 3)
    assert statuses == {200: 70, 429: 3 * CROWD - 70}


def test_counter_that_hangs_costs_a_moment_alone(pair: tuple[World, World], redis: Redis) -> None:
    person = pair[0].person(options=KeyOptions(rate_limit_per_minute=10_000))
    redis.hang()
    try:
        statuses, longest = crowd(pair, person, 2)
    finally:
        redis.hang(False)
    assert statuses == {200: 2 * CROWD}
    assert longest < 8, "each waited for its own turn to be disappointed"


def test_counter_that_died_is_used_again_when_it_is_back(pair: tuple[World, World], redis: Redis) -> None:
    one, two = pair
    person = one.person()
    assert [told(person.get(CREDITS)) for _ in range(2)] == [("4", "3"), ("4", "2")]
    redis.kill()
    assert [person.get(CREDITS).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    redis.start()
    other = two.client(person.key)
    late = time.monotonic() + AWAY_SECONDS + 30
    fresh = one.person(options=KeyOptions(rate_limit_per_minute=1_000_000))
    there, here = one.client(fresh.key), two.client(fresh.key)

    def left(client: httpx2.Client) -> int:
        return int(client.get(CREDITS).headers["ratelimit-remaining"])

    while left(there) - left(here) != 1:
        assert time.monotonic() < late, "they still count alone"
    assert other.get(CREDITS).status_code == 200, "the new counter knows nothing of before"


def test_many_processes_count_together(pair: tuple[World, World]) -> None:
    """2.3 for many workers: one window in Redis."""
    one, two = pair
    first = ask(one, SEARCH, "", None)
    assert (first.status_code, told(first)) == (200, ("1", "0"))
    second = ask(two, SEARCH, "", None)
    assert error(second) == (429, "rate_limited")
    assert 1 <= int(second.headers["retry-after"]) <= 60
