"""Measure what sx asks for against a bare Starlette answer, on SQLite and on PostgreSQL.

    python benchmarks/sx.py [--skills N] [--seconds S] [--databases sqlite,postgresql]

A caller has 200 rows in the lock, half private and half published, among N private skills (10,000 by default)
and 300 published ones. The API runs with one worker, everything on, pinned to one core; wrk or 16 connections
of our own drive it from the other. A row is requests a second, p50 and p99 in ms, microseconds of server CPU
per request, and the ratio of the bare answer's CPU to it, measured in the same run. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
from _api_world import registry, wait_until_ready, written
from _http import CONNECTIONS, HELLO, ROOT, Row, free_port, reads, serving, spent

sys.path.insert(0, str(ROOT))

from sqlalchemy import Connection, insert

from dynamic_api.app import connect
from dynamic_api.catalogue import skill_id
from dynamic_api.database.tables import asset_installs, skill_versions, skills
from dynamic_api.ids import new_id, undashed
from dynamic_api.server.data_folder import open_folder
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Settings, parse
from tests import postgres

ROWS, PUBLISHED, CALLERS, REPORTS, LINES = 200, 300, 200, 200, 100
# The sx row of DESIGN.md section 7: the ratio to reach; a first build may cost thirty bare answers.
AIMS = {"304": 0.50, "unchanged 200": 0.35, "first build": 1 / 30, "usage of 100 lines": 0.10}


def fill(settings: Settings, data: Path, count: int, slugs: Sequence[str]) -> list[str]:
    """Private skills, installs of a hundred of them and of a hundred published ones; keys of all callers."""
    database = connect(settings, open_folder(data))

    def work(db: Connection) -> list[str]:
        ids = [new_id() for _ in range(count)]
        private = [(each, "organisation", f"private-{n:06}") for n, each in enumerate(ids)]
        known = [(undashed(skill_id(slug)), "published", slug) for slug in slugs[: ROWS // 2]]
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
        installed = [each for each, _, _ in [*private[: ROWS // 2], *known]]
        installs = [
            {
                "id": new_id(),
                "skill_id": each,
                "entity_type": "ORGANIZATION",
                "created_by": "",
                "created_at": 1,
            }
            for each in installed
        ]
        db.execute(insert(asset_installs), installs)
        made = []
        for number in range(CALLERS):
            user = accounts.create(db, f"caller{number}@example.com", settings.credits, now=0)
            made.append(keys.create(db, user.id, "main", KeyOptions(), now=0).secret)
        return made

    try:
        return asyncio.run(database.write(work))
    finally:
        database.close()


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


def rows(arguments: argparse.Namespace, database: str, dist: Path, place: Path) -> tuple[list[Row], float]:
    """Every row on one database, and the megabytes that the worker holds at the end."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.running()) if database == "postgresql" else None
        table = {
            "data": {"database_url": url, "registry": str(dist)},
            "limits": {"key_per_minute": 10_000_000, "address_per_minute": 0},
        }
        slugs = sorted(path.stem for path in (dist / "api/v1/index").glob("*.json"))
        slugs = [slug for slug in slugs if slug != "default"]
        secrets = fill(parse(table, "benchmark"), place / database, arguments.skills, slugs)
        settings_file = place / f"{database}.toml"
        written(table, settings_file)
        port = free_port()
        words = ["-m", "registry_builder.cli", "api", "--port", str(port), "--data", str(place / database)]
        server = stack.enter_context(serving([*words, "--settings", str(settings_file)], port, {}))
        base, lock = f"http://127.0.0.1:{port}", "/api/skills/sx.lock"
        wait_until_ready(base)
        first = once_each("first build", server, port, [_get(lock, key) for key in secrets[1:]], b"200")
        key, seconds = secrets[0], arguments.seconds
        head = [f"Authorization: Bearer {key}"]
        tag = _tag(base + lock, key)
        bundle = f"/api/skills/assets/{slugs[0]}/1/{slugs[0]}-1.zip"
        found = [
            reads("304", server, base + lock, seconds, headers=[*head, f"If-None-Match: {tag}"]),
            reads("unchanged 200", server, base + lock, seconds, headers=head),
            first,
            reads("download", server, base + bundle, seconds, headers=head),
            once_each("usage of 100 lines", server, port, [_report(n, key) for n in range(REPORTS)], b"204"),
        ]
        return found, server.memory_info().rss / 1e6


def _tag(url: str, key: str) -> str:
    import httpx2

    answer = httpx2.get(url, headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert answer.text.count("[[assets]]") == ROWS, answer.text[:400]
    return str(answer.headers["etag"])


def main() -> None:
    """Build, serve, drive, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skills", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--databases", default="sqlite,postgresql")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        dist = registry(place, PUBLISHED, 1)
        for database in arguments.databases.split(","):
            port = free_port()
            with serving(["-c", HELLO, str(port)], port, {}) as server:
                bare = reads("bare Starlette", server, f"http://127.0.0.1:{port}/", arguments.seconds)
            found, memory = rows(arguments, database, dist, place)
            print(f"\n{database}, {arguments.skills} private skills; the worker holds {memory:.0f} MB")
            print(f"{'':22}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'ratio':>8}{'aim':>8}")
            for row in [bare, *found]:
                aim = AIMS.get(row.name)
                told = f"{aim:8.3f}" if aim else ""
                print(
                    f"{row.name:22}{row.per_second:9.0f}{row.p50:9.2f}{row.p99:9.2f}{row.cpu:9.0f}"
                    f"{bare.cpu / row.cpu:8.3f}{told}"
                )


if __name__ == "__main__":
    main()
