"""What stands behind the API goes away and comes back: health, readiness, and what still works."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dynamic_api.app import connect
from dynamic_api.server.data_folder import DATABASE, open_folder
from dynamic_api.settings import parse
from registry_builder.core.errors import Trouble
from tests.api.world import Person, World, world
from tests.databases import new_url

SLUG = "/api/v1/skills/pdf-tools"
UNAVAILABLE = (503, "database_unavailable")


def ready(api: World) -> tuple[int, str, dict[str, str]]:
    answer = api.anonymous.get("/readyz")
    body = answer.json()
    return answer.status_code, body["status"], body["parts"]


def until(true: Callable[[], bool]) -> None:
    """Ask again and again, for at most half a minute."""
    late = time.monotonic() + 30
    while not true():
        assert time.monotonic() < late, "it did not come about"


def told(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("error", {}).get("code")


def take(person: Person) -> Any:
    return person.post("/api/v1/drive/import", json={"skillSlug": "text-facts"})


@pytest.fixture
def served(tmp_path: Path, registry: Path) -> Iterator[tuple[World, Path]]:
    """The API on SQLite, beside a bucket of its own that it looks at all the time."""
    bucket = tmp_path / "bucket"
    shutil.copytree(registry, bucket)
    often = {"registry": str(bucket), "refresh_seconds": 0.05, "revoked_seconds": 0.05}
    with world(tmp_path / "data", None, {"data": often}) as api:
        yield api, bucket


def test_locked_database_reads_on_and_writes_when_it_is_free(served: tuple[World, Path]) -> None:
    api, _ = served
    person = api.person()
    with (
        ThreadPoolExecutor(1) as pool,
        closing(sqlite3.connect(database(api), isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        late = pool.submit(take, person)
        until(lambda: bool(late.running()))
        assert api.anonymous.get("/healthz").status_code == 200
        assert ready(api)[:2] == (200, "ok")
        assert person.get("/api/v1/drive").json() == {"data": {"skills": []}}
        assert not late.done()
        other.execute("ROLLBACK")
        assert late.result().status_code == 201


def test_database_that_stays_locked_is_unavailable_for_writes_alone(served: tuple[World, Path]) -> None:
    api, _ = served
    person = api.person()
    with closing(sqlite3.connect(database(api), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = take(person)
        assert told(answer) == UNAVAILABLE
        assert answer.headers["retry-after"]
        assert person.get("/api/v1/drive").status_code == 200
        other.execute("ROLLBACK")
    assert take(person).status_code == 201


def database(api: World) -> Path:
    return api.data / DATABASE


@contextmanager
def file_away(api: World) -> Iterator[None]:
    path = database(api)
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


@contextmanager
def server_away(url: str) -> Iterator[None]:
    """Nobody gets in, and who is in is thrown out."""
    name = url.partition("///")[2].partition("?")[0]
    admin = url.replace(f"/{name}?", "/postgres?")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(query, (name,))
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_database_that_is_gone_fails_readiness_until_it_is_back(
    tmp_path: Path, registry: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = None if kind == "sqlite" else new_url(kind, tmp_path, request)
    with world(tmp_path / "data", url, {"data": {"registry": str(registry)}}) as api:
        person = api.person()
        assert ready(api)[:2] == (200, "ok")
        with file_away(api) if url is None else server_away(url):
            until(lambda: ready(api)[0] == 503)
            status, summary, parts = ready(api)
            assert (status, summary) == (503, "failing")
            assert parts["database"] != "ok"
            assert parts["catalogue"].startswith("ok")
            assert api.anonymous.get("/healthz").json() == {"status": "ok"}
            assert api.anonymous.get(SLUG).status_code == 200
            assert "skillpress_webhook_queue_length NaN" in api.anonymous.get("/metrics").text
            assert told(take(person)) == UNAVAILABLE
        until(lambda: ready(api)[0] == 200)
        assert take(person).status_code == 201


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("table", ["drive_items", "alembic_version"])
def test_database_that_lacks_a_part_is_told_apart_from_one_that_is_gone(
    tmp_path: Path, registry: Path, kind: str, table: str, request: pytest.FixtureRequest
) -> None:
    url = None if kind == "sqlite" else new_url(kind, tmp_path, request)
    with world(tmp_path / "data", url, {"data": {"registry": str(registry)}}) as api:
        person = api.person()
        assert ready(api)[:2] == (200, "ok")
        if url is None:
            with closing(sqlite3.connect(database(api))) as db:
                db.execute(f"DROP TABLE {table}")
        else:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP TABLE {table} CASCADE".encode())
        if table == "alembic_version":
            assert ready(api)[0] == 503
            assert "another schema" in ready(api)[2]["database"]
        else:
            assert told(take(person)) == told(person.get("/api/v1/drive")) == (503, "database_schema")
            settings = parse({"data": {"database_url": url}} if url else {}, "test")
            with pytest.raises(Trouble, match="lacks the table drive_items"):
                connect(settings, open_folder(api.data))


def test_private_store_that_is_gone_degrades_alone(served: tuple[World, Path]) -> None:
    api, _ = served
    person = api.person()
    take(person)
    root = api.data / "private"
    root.rename(api.data / "away")
    status, summary, parts = ready(api)
    assert (status, summary, parts["database"]) == (200, "degraded", "ok")
    assert "No such file" in parts["private_store"]
    answer = person.post("/api/v1/downloads", json={"scope": "drive"})
    assert told(answer) == (503, "private_store_unavailable")
    assert api.anonymous.get("/healthz").status_code == 200
    assert person.get("/api/v1/drive").status_code == 200
    (api.data / "away").rename(root)
    assert ready(api)[1] == "ok"
    assert person.post("/api/v1/downloads", json={"scope": "drive"}).status_code == 201


def pointer(bucket: Path) -> Path:
    return bucket / "release.json"


def root(bucket: Path) -> Path:
    return bucket / "r" / json.loads(pointer(bucket).read_bytes())["root"]


@pytest.mark.parametrize(
    ("of", "body", "code"),
    [
        (pointer, None, "no-release"),
        (pointer, b"{", "bad-pointer"),
        (pointer, b"", "bad-pointer"),
        (root, None, "no-node"),
        (root, b"{}", "bad-node"),
    ],
)
def test_bucket_that_is_broken_leaves_the_last_good_view(
    served: tuple[World, Path], of: Callable[[Path], Path], body: bytes | None, code: str
) -> None:
    api, bucket = served
    before = api.anonymous.get(SLUG)
    assert before.status_code == 200
    generation = api.app.context.catalogue.generation
    broken = of(bucket)
    good = broken.read_bytes()
    spoiled = json.loads(pointer(bucket).read_bytes())
    replace(broken, body)
    if broken != pointer(bucket):
        # The root that is in use is not read again: a new release asks for it.
        replace(pointer(bucket), json.dumps({**spoiled, "generation": spoiled["generation"] + 1}).encode())
        anew(api)
    until(lambda: f"[{code}]" in ready(api)[2]["catalogue"])
    status, summary, parts = ready(api)
    assert (status, summary) == (200, "ok")
    assert parts["catalogue"].startswith(f"ok, generation {generation}")
    assert api.anonymous.get("/healthz").status_code == 200
    assert api.anonymous.get(SLUG).content == before.content
    replace(broken, good)
    until(lambda: "[" not in ready(api)[2]["catalogue"])
    assert api.anonymous.get(SLUG).content == before.content


def anew(api: World) -> None:
    """Have the local file made anew, which reads every node."""
    (api.data / "catalogue" / "damaged").touch()


def replace(path: Path, body: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if body is not None:
        path.write_bytes(body)
