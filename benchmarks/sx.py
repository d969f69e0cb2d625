"""Measure what sx asks for against a bare Starlette answer, on SQLite and on PostgreSQL.

    python benchmarks/sx.py [--skills N] [--published N | --scale] [--rounds N] [--seconds S] [--databases D]

A caller has 200 rows in the lock: 190 that everybody has, half of them published, and ten of their own. There
are N private skills (10,000 by default) and N published ones (300; what is more is put into the API's local
catalogue by its own writer, not into the bucket). `--scale` measures 1,000 and 100,000 of both, in turns, and
prints what a request costs at the larger size in costs at the smaller one; at both, callers have as many
skills in common.
The API runs with one worker, everything on, pinned to one core; wrk or 16 connections of our own drive it
from the other. Rounds take turns with the bare server. A row is requests a second, p50 and p99 in ms,
microseconds of server CPU a request, and the ratio of the bare answer's CPU to that: medians.

A first build is the first call of a caller. A usage report is measured until its 204, and once more until
the queue is empty and all is counted. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from _api_world import registry
from _http import HELLO, ROOT, Row, free_port, reads, serving, spent
from _sx_requests import LOCK, lock_of, once_each, report
from _sx_world import BUILT, CALLERS, Size, World, running

sys.path.insert(0, str(ROOT))

from sqlalchemy import func, select

from dynamic_api.database.tables import usage_reports

REPORTS = 600
SCALE = (Size(1_000, 1_000, 900), Size(100_000, 100_000, 900))
# The sx row of DESIGN.md section 7: the ratio to reach; a first build may cost thirty bare answers.
AIMS = {"304": 0.50, "unchanged 200": 0.35, "first build": 1 / 30, "usage of 100 lines": 0.10}
Pairs = list[tuple[Row, Row]]
"""Rows, each behind the bare one of its round."""


def rows(world: World, part: slice, seconds: int) -> Iterator[Row]:
    """One round, with its `part` of what is sent once."""
    key, server = world.secrets[0], world.server
    lock, head = f"{world.url}{LOCK}", [f"Authorization: Bearer {key}"]
    yield reads("304", server, lock, seconds, headers=[*head, f"If-None-Match: {world.tag}"])
    yield reads("unchanged 200", server, lock, seconds, headers=head)
    callers = [lock_of(secret) for secret in world.secrets[1:]]
    yield once_each("first build", server, world.port, callers[part], b"200")
    yield reads("download", server, f"{world.url}{world.bundle}", seconds, headers=head)
    yield from _usage(world, [report(number, key) for number in range(REPORTS)][part])


def _usage(world: World, reports: Sequence[bytes]) -> Iterator[Row]:
    before = spent(world.server)
    sent = once_each("usage of 100 lines", world.server, world.port, reports, b"204")
    yield sent
    with world.engine.connect() as db:
        while db.execute(select(func.count()).select_from(usage_reports)).scalar_one():
            db.rollback()
            time.sleep(0.05)
    counted = (spent(world.server) - before) / len(reports) * 1e6
    yield Row("... and counted", sent.per_second, sent.p50, sent.p99, counted)


def measured(
    worlds: Sequence[World], bare: Callable[[], Row], rounds: int, seconds: int
) -> Iterator[tuple[World, Pairs]]:
    """All rounds of all worlds, in turns."""
    pairs: list[Pairs] = [[] for _ in worlds]
    share = CALLERS // rounds
    for number in range(rounds):
        for world, told in zip(worlds, pairs, strict=True):
            floor = bare()
            part = slice(number * share, (number + 1) * share)
            told += [(floor, row) for row in (floor, *rows(world, part, seconds))]
    yield from zip(worlds, pairs, strict=True)


def show(database: str, world: World, pairs: Pairs) -> dict[str, float]:
    """Print the medians of each row; gives those of its CPU."""
    told = f"{world.size.private} private skills, {max(world.size.published, BUILT)} published"
    print(f"\n{database}, {told}; the worker holds {world.server.memory_info().rss / 1e6:.0f} MB")
    print(f"{'':22}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'ratio':>8}{'aim':>8}")
    costs = {}
    for name in dict.fromkeys(row.name for _, row in pairs):
        same = [(floor, row) for floor, row in pairs if row.name == name]
        figures = [
            median(getattr(row, field) for _, row in same) for field in ("per_second", "p50", "p99", "cpu")
        ]
        ratio, aim = median(floor.cpu / row.cpu for floor, row in same), AIMS.get(name)
        costs[name] = 1 / ratio
        line = "{:9.0f}{:9.2f}{:9.2f}{:9.0f}".format(*figures)
        print(f"{name:22}{line}{ratio:8.3f}{f'{aim:8.3f}' if aim else ''}", flush=True)
    return costs


def compare(database: str, small: dict[str, float], large: dict[str, float]) -> None:
    """Print what the larger size costs in costs of the smaller one, each in bare answers of its rounds."""
    told = "; ".join(f"{name} {large[name] / small[name]:.2f}" for name in small)
    print(f"\n{database}, 100,000 skills ÷ 1,000: {told}")


def main() -> None:
    """Build, serve, drive, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skills", type=int, default=10_000)
    parser.add_argument("--published", type=int, default=BUILT)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--databases", default="sqlite,postgresql")
    arguments = parser.parse_args()
    sizes = SCALE if arguments.scale else (Size(arguments.skills, arguments.published),)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        place, port = Path(name), free_port()
        dist = registry(place, BUILT, 1)
        hello = stack.enter_context(serving(["-c", HELLO, str(port)], port, {}))

        def bare() -> Row:
            return reads("bare Starlette", hello, f"http://127.0.0.1:{port}/", arguments.seconds)

        for database in arguments.databases.split(","):
            with ExitStack() as parts:
                worlds = []
                for size in sizes:
                    folder = place / f"{database}-{size.private}"
                    folder.mkdir()
                    worlds.append(parts.enter_context(running(database, size, dist, folder)))
                told = measured(worlds, bare, arguments.rounds, arguments.seconds)
                costs = [show(database, world, pairs) for world, pairs in told]
            if arguments.scale:
                compare(database, *costs)


if __name__ == "__main__":
    main()
