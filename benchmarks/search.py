"""Measure reads and search of the API's local catalogue against a bare Starlette answer.

    python benchmarks/search.py [--skills N] [--body-words N] [--seed N] [--folder DIR]

Makes a synthetic local file (10,000 skills by default; 100,000 with `--skills 100000`), asks it 200 seeded
queries three times, and prints microseconds of CPU: median and p99, and the median's ratio to the floor. The
floor is what one worker spends on one "hello" of Starlette behind uvicorn, measured in the same run with wrk.
One query in twenty has a word that more than half of all skills have. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

import _catalogue
import psutil

from dynamic_api.catalogue import Catalogue
from dynamic_api.catalogue.file import open_to_read

QUERIES, ROUNDS = 200, 3
COMMON = ("use", "when", "it")
HELLO = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def hello(request): return JSONResponse({"hello": "world"})
uvicorn.run(Starlette(routes=[Route("/", hello)]), port=int(sys.argv[1]), access_log=False, log_level="error")
"""
Times = list[float]


def floor(seconds: int = 3) -> float:
    """Microseconds of server CPU for one bare answer."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", HELLO, str(port)])
    try:
        _wait_for(port)
        wrk = ["wrk", "-t1", "-c16", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
        before = sum(psutil.Process(server.pid).cpu_times()[:2])
        told = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
        spent = sum(psutil.Process(server.pid).cpu_times()[:2]) - before
    finally:
        server.kill()
        server.wait()
    (requests,) = (int(line.split()[0]) for line in told.splitlines() if "requests in" in line)
    return spent / requests * 1e6


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the bare server did not start")


def queries(connection: sqlite3.Connection, seed: int) -> dict[str, list[str]]:
    """Kind → queries, as people ask: words of a name, of a description, unfinished, misspelt, unknown."""
    chance = random.Random(seed)
    (half,) = connection.execute("SELECT words / 2 FROM state").fetchone()
    common = {term for (term,) in connection.execute("SELECT term FROM term WHERE skills > ?", (half,))}
    rows = connection.execute("SELECT title, tags, description FROM short").fetchall()

    def words(column: int, count: int) -> list[str]:
        while True:
            row = chance.choice(rows)[column].split()
            rare = [word for word in row if word not in common and len(word) > 2 and not word.isdigit()]
            if len(rare) >= count:
                return chance.sample(rare, count)

    kinds: dict[str, Callable[[], str]] = {
        "one word of a title": lambda: words(0, 1)[0],
        "one word of a description": lambda: words(2, 1)[0],
        "two words of a title": lambda: " ".join(words(0, 2)),
        "two words of a description": lambda: " ".join(words(2, 2)),
        "the beginning of a word": lambda: words(0, 1)[0][: chance.randint(3, 5)],
        "a misspelt word": lambda: _misspelt(words(0, 1)[0], chance),
        "nothing that is there": lambda: f"xq{words(2, 1)[0]}zx",
        "a common word": lambda: chance.choice((chance.choice(COMMON), f"{COMMON[0]} {words(2, 1)[0]}")),
    }
    shares = (0.25, 0.2, 0.1, 0.2, 0.1, 0.07, 0.03, 0.05)
    return {
        kind: [make() for _ in range(round(QUERIES * share))]
        for (kind, make), share in zip(kinds.items(), shares, strict=True)
    }


def _misspelt(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return chance.choice((word[:at] + word[at + 1 :], word[:at] + "x" + word[at:], word + "e"))


def timed(call: Callable[[str], object], asked: Sequence[str]) -> Times:
    """Microseconds of CPU for each of `asked`: the least of some rounds."""
    best = [float("inf")] * len(asked)
    for _ in range(ROUNDS):
        for at, query in enumerate(asked):
            began = time.thread_time_ns()
            call(query)
            best[at] = min(best[at], (time.thread_time_ns() - began) / 1e3)
    return best


def row(what: str, times: Times, bare: float) -> None:
    """One line of the table."""
    high = quantiles(times, n=100)[-1] if len(times) > 1 else times[0]
    middle = median(times)
    print(f"{what:32} {middle:10.1f} {high:10.1f} {middle / bare:10.2f} {bare / (bare + middle):10.3f}")


def measure(folder: Path, seed: int, bare: float) -> None:
    """Print the table."""
    with closing(open_to_read(folder)) as connection:
        kinds = queries(connection, seed)
        slugs = [
            slug for (slug,) in connection.execute("SELECT slug FROM skill ORDER BY random() LIMIT 2000")
        ]
    with closing(Catalogue(folder)) as catalogue:
        catalogue.search("waerm")
        print(f"{'CPU microseconds':32} {'median':>10} {'p99':>10} {'x bare':>10} {'of bare':>10}")
        row("bare Starlette answer", [bare], bare)
        row("answer by slug", timed(catalogue.answer, slugs), bare)
        row("record by slug", timed(catalogue.skill, slugs), bare)
        row(
            "50 records by slug",
            timed(lambda at: catalogue.many(slugs[int(at) :][:50]), list(map(str, range(50)))),
            bare,
        )
        times = {kind: timed(catalogue.search, asked) for kind, asked in kinds.items()}
        row(f"search, all {QUERIES}", [one for found in times.values() for one in found], bare)
        for kind, found in times.items():
            row(f"  {kind}", found, bare)
        everything = [query for asked in kinds.values() for query in asked]
        row("search in=body", timed(lambda query: catalogue.search(query, body=True), everything), bare)
        row("suggest", timed(catalogue.suggest, [f"{slug[:-2]}x{slug[-1]}" for slug in slugs[:50]]), bare)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skills", type=int, default=10_000)
    parser.add_argument("--body-words", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to make it; default: a temporary one"
    )
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="skillpress-search-", dir=given.folder))
    try:
        began = time.process_time()
        _catalogue.make(place, given.skills, given.seed, given.body_words)
        size = sum(path.stat().st_size for path in place.glob("catalogue-*"))
        print(
            f"{given.skills:,} skills, {size / 1e6:.0f} MB, made in {time.process_time() - began:.0f} s CPU"
        )
        measure(place, given.seed, floor())
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
