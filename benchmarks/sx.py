"""Measure what sx asks for against a bare Starlette answer, on SQLite and on PostgreSQL.

    python benchmarks/sx.py [--skills N] [--published N] [--rounds N] [--seconds S] [--databases NAMES]

A caller has 200 rows in the lock: 190 that everybody has, half of them published, and ten of their own. There
are N private skills (10,000 by default) and N published ones (300; what is more is put into the API's local
catalogue by its own writer, not into the bucket): compare `--skills 1000 --published 1000` with 100000 each.
The API runs with one worker, everything on, pinned to one core; wrk or 16 connections of our own drive it
from the other. Rounds take turns with the bare server. A row is requests a second, p50 and p99 in ms,
microseconds of server CPU a request, and the ratio of the bare answer's CPU to that: medians.

A first build is the first call of a caller. A usage report is measured until its 204, and once more until
the queue is empty and all is counted. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import _catalogue
import psutil
from _api_world import registry, slugs_of, wait_until_ready, written
from _http import CONNECTIONS, HELLO, ROOT, Row, free_port, reads, serving, spent

sys.path.insert(0, str(ROOT))

from sqlalchemy import Connection, Engine, func, insert, select

from dynamic_api.app import connect
from dynamic_api.catalogue import skill_id
from dynamic_api.catalogue.loader import Loader
from dynamic_api.database.tables import asset_installs, skill_versions, skills, usage_reports
from dynamic_api.ids import new_id, undashed
from dynamic_api.server.data_folder import CATALOGUE, open_folder
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Settings, parse
from registry_builder.store.target import open_reader
from tests import postgres

Bare = Callable[[], Row]
LOCK = "/api/skills/sx.lock"
ROWS, BUILT, OWN, CALLERS, REPORTS, LINES = 200, 300, 10, 600, 600, 100
SHARED = (ROWS - OWN) // 2
"""Private skills, and as many published ones, that are installed for the organisation."""
# The sx row of DESIGN.md section 7: the ratio to reach; a first build may cost thirty bare answers.
AIMS = {"304": 0.50, "unchanged 200": 0.35, "first build": 1 / 30, "usage of 100 lines": 0.10}


def fill(settings: Settings, data: Path, count: int, slugs: Sequence[str]) -> list[str]:
    """Private skills, what is installed of them and of published ones; keys of all callers."""
    database = connect(settings, open_folder(data))

    def work(db: Connection) -> list[str]:
        ids = [new_id() for _ in range(count)]
        private = [(each, "organisation", f"private-{n:06}") for n, each in enumerate(ids)]
        known = [(undashed(skill_id(slug)), "published", slug) for slug in slugs[:SHARED]]
        rows = [
            {
                "id": each,
                "namespace": space,
                "slug": slug,
                "name": slug,
                "category": "private",
                "created_at": 1,
            }
            for each, space, slug in [*private, *known]
        ]
        db.execute(insert(skills), rows)
        db.execute(insert(skill_versions), [_version(each, slug) for each, _, slug in private])
        for_all = [*ids[:SHARED], *(each for each, _, _ in known)]
        installs = [_install(each, "ORGANIZATION", "") for each in for_all]
        made = []
        for number in range(CALLERS):
            user = accounts.create(db, f"caller{number}@example.com", settings.credits, now=0)
            made.append(keys.create(db, user.id, "main", KeyOptions(), now=0).secret)
            places = (SHARED + (number * OWN + each) % (count - SHARED) for each in range(OWN))
            installs += [_install(ids[place], "USER", user.id) for place in places]
        db.execute(insert(asset_installs), installs)
        return made

    try:
        return asyncio.run(database.write(work))
    finally:
        database.close()


def _install(skill: str, entity_type: str, entity_id: str) -> dict[str, object]:
    return {
        "id": new_id(),
        "skill_id": skill,
        "entity_type": entity_type,
        "entity_id": entity_id,
        "created_by": "",
        "created_at": 1,
    }


def _version(each: str, slug: str) -> dict[str, object]:
    import hashlib

    return {
        "skill_id": each,
        "ordinal": 1,
        "label": "1",
        "sha256": hashlib.sha256(slug.encode()).hexdigest(),
        "size": 1000,
        "files": 2,
        "facts": '{"sx":{"clients":[],"dependencies":[]}}',
        "grade": "A",
        "created_at": 1,
    }


def once_each(name: str, server: psutil.Process, port: int, requests: Sequence[bytes], status: bytes) -> Row:
    """Send each of `requests` once, over as many connections as wrk has."""
    before, began = spent(server), time.perf_counter()
    took = sorted(asyncio.run(_send(port, list(requests), status)))
    wall, used = time.perf_counter() - began, spent(server) - before
    p50, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.99))
    return Row(name, len(took) / wall, p50, p99, used / len(took) * 1e6)


async def _send(port: int, waiting: list[bytes], status: bytes) -> list[float]:
    took: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            request = waiting.pop()
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
            took.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 " + status):
                raise RuntimeError(f"{head!r} {body[:300]!r}")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return took


def _get(path: str, key: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def _report(number: int, key: str) -> bytes:
    lines = [
        {
            "asset_name": f"private-{line:06}",
            "asset_version": "1",
            "asset_type": "skill",
            "timestamp": f"2026-11-28T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.{line:03}Z",
        }
        for line in range(LINES)
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    head = f"POST /api/skills/usage HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(slots=True)
class World:
    """A running API, and how what is sent once only is shared out over the rounds."""

    server: psutil.Process
    port: int
    engine: Engine
    callers: list[bytes]
    reports: list[bytes]
    rounds: int
    seconds: int

    def rows(self, key: str, tag: str, bundle: str) -> Iterator[Row]:
        """One round."""
        lock, head = f"http://127.0.0.1:{self.port}{LOCK}", [f"Authorization: Bearer {key}"]
        yield reads("304", self.server, lock, self.seconds, headers=[*head, f"If-None-Match: {tag}"])
        yield reads("unchanged 200", self.server, lock, self.seconds, headers=head)
        yield once_each("first build", self.server, self.port, self._share(self.callers, CALLERS), b"200")
        address = f"http://127.0.0.1:{self.port}{bundle}"
        yield reads("download", self.server, address, self.seconds, headers=head)
        yield from self._usage(self._share(self.reports, REPORTS))

    def _usage(self, reports: Sequence[bytes]) -> Iterator[Row]:
        before = spent(self.server)
        sent = once_each("usage of 100 lines", self.server, self.port, reports, b"204")
        yield sent
        with self.engine.connect() as db:
            while db.execute(select(func.count()).select_from(usage_reports)).scalar_one():
                db.rollback()
                time.sleep(0.05)
        counted = (spent(self.server) - before) / len(reports) * 1e6
        yield Row("... and counted", sent.per_second, sent.p50, sent.p99, counted)

    def _share(self, waiting: list[bytes], of: int) -> list[bytes]:
        share = waiting[: of // self.rounds]
        del waiting[: of // self.rounds]
        return share


def measured(arguments: argparse.Namespace, database: str, dist: Path, place: Path, bare: Bare) -> None:
    """Run all rounds on one database, and print them."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.running()) if database == "postgresql" else None
        table = {
            "data": {"database_url": url, "registry": str(dist)},
            "limits": {"key_per_minute": 10_000_000, "address_per_minute": 0},
        }
        slugs, data = slugs_of(dist), place / database
        settings = parse(table, "benchmark")
        secrets = fill(settings, data, arguments.skills, slugs)
        _publish_more(dist, data, arguments.published - BUILT)
        written(table, place / f"{database}.toml")
        port = free_port()
        words = ["-m", "registry_builder.cli", "api", "--port", str(port), "--data", str(data)]
        server = stack.enter_context(
            serving([*words, "--settings", str(place / f"{database}.toml")], port, {})
        )
        wait_until_ready(f"http://127.0.0.1:{port}")
        opened = connect(settings, open_folder(data))
        stack.callback(opened.close)
        world = World(
            server,
            port,
            opened.engine,
            [_get(LOCK, key) for key in secrets[1:]],
            [_report(number, secrets[0]) for number in range(REPORTS)],
            arguments.rounds,
            arguments.seconds,
        )
        tag = _tag(f"http://127.0.0.1:{port}{LOCK}", secrets[0])
        bundle = f"/api/skills/assets/{slugs[0]}/1/{slugs[0]}-1.zip"
        pairs = [
            (floor, row)
            for _ in range(arguments.rounds)
            for floor in [bare()]
            for row in [floor, *world.rows(secrets[0], tag, bundle)]
        ]
        told = f"{arguments.skills} private skills, {max(arguments.published, BUILT)} published"
        print(f"\n{database}, {told}; the worker holds {server.memory_info().rss / 1e6:.0f} MB")
        show(pairs)


def show(pairs: Sequence[tuple[Row, Row]]) -> None:
    """Print the medians of each row."""
    print(f"{'':22}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'ratio':>8}{'aim':>8}")
    for name in dict.fromkeys(row.name for _, row in pairs):
        same = [(floor, row) for floor, row in pairs if row.name == name]
        figures = [
            median(getattr(row, field) for _, row in same) for field in ("per_second", "p50", "p99", "cpu")
        ]
        ratio, aim = median(floor.cpu / row.cpu for floor, row in same), AIMS.get(name)
        told = "{:9.0f}{:9.2f}{:9.2f}{:9.0f}".format(*figures)
        print(f"{name:22}{told}{ratio:8.3f}{f'{aim:8.3f}' if aim else ''}", flush=True)


def _publish_more(dist: Path, data: Path, count: int) -> None:
    """Read the bucket into the local catalogue, and put `count` names more beside it."""
    folder = open_folder(data).path / CATALOGUE
    folder.mkdir(parents=True, exist_ok=True)
    with Loader(open_reader(str(dist)), folder) as loader:
        loader.load_revoked(time.time())
        loader.load(time.time())
    if count > 0:
        _catalogue.add(folder, count, seed=2)


def _tag(url: str, key: str) -> str:
    import httpx2

    answer = httpx2.get(url, headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert answer.text.count("[[assets]]") == ROWS, answer.text[:400]
    return str(answer.headers["etag"])


def main() -> None:
    """Build, serve, drive, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skills", type=int, default=10_000)
    parser.add_argument("--published", type=int, default=BUILT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--databases", default="sqlite,postgresql")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        place, port = Path(name), free_port()
        dist = registry(place, BUILT, 1)
        hello = stack.enter_context(serving(["-c", HELLO, str(port)], port, {}))

        def bare() -> Row:
            return reads("bare Starlette", hello, f"http://127.0.0.1:{port}/", arguments.seconds)

        for database in arguments.databases.split(","):
            measured(arguments, database, dist, place, bare)


if __name__ == "__main__":
    main()
