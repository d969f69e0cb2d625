"""A registry, accounts and settings for the benchmark of the API."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import synthetic
import tomli_w
from _http import CLIENT_CORE, ROOT

sys.path.insert(0, str(ROOT))

from dynamic_api.app import connect
from dynamic_api.server.data_folder import open_folder
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import parse
from tests.api.packages import zipped
from tests.content_repo import skill_text

Table = dict[str, dict[str, object]]
READY_SECONDS = 600
_BASE_URL = "https://skills.test"


def registry(folder: Path, skills: int, seed: int) -> Path:
    """A built registry of synthetic skills."""
    synthetic.make(folder / "content", skills, seed)
    command = [sys.executable, "-m", "registry_builder.cli", "build", "-C", folder / "content"]
    command += ["--to", folder / "dist", "--base-url", _BASE_URL]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, cwd=ROOT)
    return folder / "dist"


def slugs_of(dist: Path) -> list[str]:
    """The names of its skills, without the collection."""
    names = sorted(path.stem for path in (dist / "api/v1/index").glob("*.json"))
    return [name for name in names if name != "default"]


def settings(dist: Path, database_url: str | None, look_seconds: float = 5.0) -> Table:
    """Everything on, and no limit so low that the benchmark meets it."""
    return {
        "data": {
            "registry": str(dist),
            "database_url": database_url,
            "refresh_seconds": look_seconds,
            "revoked_seconds": min(2.0, look_seconds),
        },
        "limits": {
            "anonymous_per_minute": 1_000_000,
            "address_per_minute": 1_000_000,
            "telemetry_per_minute": 10_000_000,
            "telemetry_address_per_minute": 10_000_000,
            "key_per_minute": 10_000_000,
        },
        "credits": {"initial_grant": 1_000_000},
    }


def written(table: Table, place: Path) -> Path:
    """The file that the server reads; what is None is left out."""
    kept = {
        name: {key: value for key, value in part.items() if value is not None} for name, part in table.items()
    }
    place.write_text(tomli_w.dumps(kept))
    return place


def people(table: Table, data: Path) -> tuple[str, str]:
    """Keys of two accounts: one that reads, and one that imports."""
    rules = parse(table, "benchmark")
    database = connect(rules, open_folder(data))

    def make(db: object) -> tuple[str, str]:
        made = []
        for name in ("reader", "writer"):
            user = accounts.create(db, f"{name}@example.com", rules.credits, now=0, tier="pro")  # type: ignore[arg-type]
            made.append(keys.create(db, user.id, "main", KeyOptions(), now=0).secret)  # type: ignore[arg-type]
        return made[0], made[1]

    try:
        return asyncio.run(database.write(make))  # type: ignore[arg-type]
    finally:
        database.close()


def artifact_of(dist: Path, slugs: Sequence[str], size: int = 10_000) -> tuple[str, str]:
    """The skill whose artifact is nearest to `size`, and its digest."""
    rows = {
        slug: json.loads((dist / f"api/v1/index/{slug}.json").read_bytes())["versions"][-1]
        for slug in slugs[:400]
    }
    best = min(rows, key=lambda slug: abs(rows[slug]["size"] - size))
    return best, rows[best]["sha256"]


def etag_of(url: str, key: str) -> str:
    """The entity tag of what `url` answers."""
    answer = httpx2.get(url, headers={"authorization": f"Bearer {key}"}, trust_env=False)
    return str(answer.headers["etag"])


def wait_until_ready(base: str) -> None:
    """Until /readyz says so: the catalogue has been read by then."""
    for _ in range(READY_SECONDS * 5):
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{base}/readyz", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("the API is not ready")


def wait_for_search(base: str) -> None:
    """Until a search is answered: without a registry /readyz would never say that all is well."""
    for _ in range(READY_SECONDS * 5):
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{base}/api/v1/skills?q=a", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("the API does not search")


@contextmanager
def uploading(base: str, key: str, seconds: float, count: int) -> Iterator[None]:
    """`count` people who upload one skill after the other, while the block runs and at most that long."""
    stop = threading.Event()
    people = [threading.Thread(target=_upload, args=(base, key, number, stop)) for number in range(count)]
    late = threading.Timer(seconds, stop.set)
    for one in (*people, late):
        one.start()
    try:
        yield
    finally:
        stop.set()
        late.cancel()
        for one in people:
            one.join()


def _upload(base: str, key: str, number: int, stop: threading.Event) -> None:
    """Skills of a prompt and four scripts, 60 kB, each with its ticket."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    script = "".join(f"def step_{at}(path):\n    return open(path).read().strip()\n\n" for at in range(200))
    with httpx2.Client(base_url=base, trust_env=False, timeout=60) as client:
        count = 0
        while not stop.is_set():
            count += 1
            name = f"upload-{number}-{count}-{time.time_ns()}"
            files = {f"scripts/part_{at}.py": f"# {at}\n{script}" for at in range(4)}
            body = zipped({"SKILL.md": skill_text(name, "Do the work. " * 500), **files})
            head = {"authorization": f"Bearer {key}"}
            made = client.post("/api/v1/uploads/ticket", headers=head, json={}).json()["data"]
            head = {"authorization": f"Bearer {made['uploadToken']}"}
            answer = client.post("/api/uploads/process-skill", headers=head, files={"file": ("a.zip", body)})
            if answer.status_code not in {200, 201}:
                raise RuntimeError(answer.text)


def events(count: int) -> list[dict[str, object]]:
    """As many different events of telemetry."""
    fixed = {"event_type": "sync", "cli_version": "0.1.0", "os": "linux/amd64", "skill_slugs": ["a"]}
    install = "8c7d1f0e-5f0a-4d5e-9c11-2f4b6a7c8d9e"
    return [{"install_id": install, **fixed, "metadata": {"n": n}} for n in range(count)]
