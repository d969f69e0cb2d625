"""Measure the API per request against a bare Starlette answer, on SQLite and on PostgreSQL.

    python benchmarks/api.py [--skills N] [--seconds S] [--databases sqlite,postgresql] [--seed N]

Builds a synthetic registry (2,000 skills by default), starts `skillpress api` with one worker, everything on
(keys, limits, metrics, log), pinned to one core, and drives it with wrk and 16 connections on the other.
A row is requests a second, p50 and p99 in ms, microseconds of server CPU per request, and the ratio of the
bare answer's CPU to it, measured in the same run. Writes are bounded in number: each import is a new one.
Nothing stays behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import synthetic
from _http import HELLO, ROOT, Row, free_port, reads, serving, writes

sys.path.insert(0, str(ROOT))

from dynamic_api.data_folder import open_folder
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Settings, parse
from tests import postgres

DRIVE = 50
# The API row of DESIGN.md section 7: the ratio to reach.
AIMS = {
    "GET /skills/:slug": 0.40,
    "304 of /skills/:slug": 0.60,
    "content-addressed 10 kB": 0.60,
    "GET /drive of 50": 0.12,
    "search": 0.04,
    "POST telemetry": 0.30,
    "POST import": 0.05,
}


def registry(folder: Path, skills: int, seed: int) -> Path:
    """A built registry of synthetic skills."""
    synthetic.make(folder / "content", skills, seed)
    command = [sys.executable, "-m", "registry_builder.cli", "build", "-C", folder / "content"]
    command += ["--to", folder / "dist", "--base-url", "https://skills.test"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, cwd=ROOT)
    return folder / "dist"


def people(settings: Settings, data: Path, slugs: Sequence[str]) -> tuple[str, str]:
    """Keys of two accounts: one whose drive will hold fifty skills, and one that imports the rest."""
    from dynamic_api.app import connect

    database = connect(settings, open_folder(data))

    def make(db: object) -> tuple[str, str]:
        made = []
        for name in ("reader", "writer"):
            user = accounts.create(db, f"{name}@example.com", settings.credits, now=0, tier="pro")  # type: ignore[arg-type]
            made.append(keys.create(db, user.id, "main", KeyOptions(), now=0).secret)  # type: ignore[arg-type]
        return made[0], made[1]

    try:
        return asyncio.run(database.write(make))  # type: ignore[arg-type]
    finally:
        database.close()


def rows(arguments: argparse.Namespace, database: str, dist: Path, place: Path) -> tuple[list[Row], float]:
    """Every row on one database, and the megabytes that the worker holds at the end."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.running()) if database == "postgresql" else None
        table = {
            "data": {"database_url": url, "registry": str(dist)},
            "limits": {
                "anonymous_per_minute": 1_000_000,
                "address_per_minute": 1_000_000,
                "telemetry_per_minute": 0,
                "telemetry_address_per_minute": 0,
                "key_per_minute": 10_000_000,
            },
            "credits": {"initial_grant": 1_000_000},
        }
        slugs = sorted(path.stem for path in (dist / "api/v1/index").glob("*.json"))
        slugs = [slug for slug in slugs if slug != "default"]
        reader, writer = people(parse(table, "benchmark"), place / database, slugs)
        settings_file = place / f"{database}.toml"
        settings_file.write_text(_toml(table))
        port = free_port()
        words = ["-m", "registry_builder.cli", "api", "--port", str(port), "--data", str(place / database)]
        server = stack.enter_context(serving([*words, "--settings", str(settings_file)], port, {}))
        base, head = f"http://127.0.0.1:{port}", [f"Authorization: Bearer {reader}"]
        _ready(base)
        found = [
            writes(
                "(imports of 50)",
                server,
                port,
                "/api/v1/drive/import",
                reader,
                [{"skillSlug": slug} for slug in slugs[:DRIVE]],
            )
        ]
        slug = slugs[len(slugs) // 2]
        sha256, tag = _facts(dist, slugs)
        seconds = arguments.seconds
        chance = random.Random(arguments.seed)
        words = [word for name in slugs for word in name.split("-")[:2]]
        asked = json.dumps([chance.choice(words) for _ in range(200)]).replace("[", "{").replace("]", "}")
        search = f"local q = {asked}\nlocal i = 0\nrequest = function() i = i % #q + 1\n" + (
            'return wrk.format("GET", "/api/v1/skills?q=" .. q[i]) end\n'
        )
        etag = _etag(base, slug, reader)
        found += [
            reads("GET /skills/:slug", server, f"{base}/api/v1/skills/{slug}", seconds, headers=head),
            reads(
                "304 of /skills/:slug",
                server,
                f"{base}/api/v1/skills/{slug}",
                seconds,
                headers=[*head, f"If-None-Match: {etag}"],
            ),
            reads(
                "content-addressed 10 kB",
                server,
                f"{base}/api/v1/downloads/public/{sha256}/{tag}.zip",
                seconds,
                headers=head,
            ),
            reads("GET /drive of 50", server, f"{base}/api/v1/drive", seconds, headers=head),
            reads("search", server, f"{base}/", seconds, search, head),
            writes("POST telemetry", server, port, "/api/v1/telemetry/anonymous", None, _events(3000)),
            writes(
                "POST import",
                server,
                port,
                "/api/v1/drive/import",
                writer,
                [{"skillSlug": name} for name in slugs[:1500]],
            ),
        ]
        memory = server.memory_info().rss / 1e6
        return found[1:], memory


def _events(count: int) -> list[dict[str, object]]:
    install = "8c7d1f0e-5f0a-4d5e-9c11-2f4b6a7c8d9e"
    return [
        {
            "install_id": install,
            "event_type": "sync",
            "cli_version": "0.1.0",
            "os": "linux/amd64",
            "skill_slugs": ["a"],
            "source_types": ["skillzdrive"],
            "metadata": {"n": n},
        }
        for n in range(count)
    ]


def _facts(dist: Path, slugs: Sequence[str]) -> tuple[str, str]:
    """A skill whose artifact has about 10 kB, and its digest."""
    best = None
    for slug in slugs[:400]:
        row = json.loads((dist / f"api/v1/index/{slug}.json").read_bytes())["versions"][-1]
        if best is None or abs(row["size"] - 10_000) < abs(best[2] - 10_000):
            best = (slug, row["sha256"], row["size"])
    assert best is not None
    return best[0], best[1]


def _etag(base: str, slug: str, key: str) -> str:
    import httpx2

    answer = httpx2.get(
        f"{base}/api/v1/skills/{slug}", headers={"authorization": f"Bearer {key}"}, trust_env=False
    )
    return str(answer.headers["etag"])


def _ready(base: str) -> None:
    import httpx2

    for _ in range(600):
        with suppress(httpx2.TimeoutException):
            if httpx2.get(f"{base}/readyz", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("the API is not ready")


def _toml(table: dict[str, dict[str, object]]) -> str:
    import tomli_w

    return tomli_w.dumps(
        {
            name: {key: value for key, value in part.items() if value is not None}
            for name, part in table.items()
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--skills", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--databases", default="sqlite,postgresql")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="skillpress-bench-") as folder:
        place = Path(folder)
        dist = registry(place, arguments.skills, arguments.seed)
        port = free_port()
        with serving(["-c", HELLO, str(port)], port, {}) as server:
            bare = reads("bare Starlette", server, f"http://127.0.0.1:{port}/", arguments.seconds)
        print(f"{arguments.skills} skills, 16 connections, one worker; ratio = bare CPU / CPU")
        _print("bare", bare, bare)
        for database in arguments.databases.split(","):
            found, memory = rows(arguments, database, dist, place)
            for row in found:
                _print(database, row, bare)
            print(f"{database:10}  memory of the worker: {memory:.0f} MB")


def _print(database: str, row: Row, bare: Row) -> None:
    aim = AIMS.get(row.name)
    said = f"  aim {aim:.2f}" if aim else ""
    print(
        f"{database:10}  {row.name:24} {row.per_second:8.0f}/s  p50 {row.p50:7.2f}  p99 {row.p99:7.2f} ms"
        f"  {row.cpu:7.0f} µs  ratio {bare.cpu / row.cpu:5.2f}{said}",
        flush=True,
    )


if __name__ == "__main__":
    main()
