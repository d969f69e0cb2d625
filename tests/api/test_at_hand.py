"""What is at hand is answered without waiting, and is what the usual way would have answered."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from sx_client import Targets

from dynamic_api.database.engine import STAMP_SECONDS
from dynamic_api.database.tables import audit_events
from dynamic_api.limiter import Limiter
from dynamic_api.routes.endpoint import Auth
from dynamic_api.routes.table import ENDPOINTS
from dynamic_api.server.wire import Wire
from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.sx_room import client, skill_folder
from tests.api.world import Person, World, world

CLOSE = "Connection: close"
SKILL, DRIVE = "/api/v1/skills/pdf-tools", "/api/v1/drive"
LOCK = "/api/skills/sx.lock"


def at_hand(made: World, path: str, key: str | None = None, **fields: str) -> Wire | None:
    """What the app has at hand for a request, in its own loop."""
    named = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    if key is not None:
        named[b"authorization"] = f"Bearer {key}".encode()
    scope = {"type": "http", "method": "GET", "url": path.encode(), "client": ("127.0.0.1", 1)}
    scope |= {"fields": named, "headers": [*named.items()]}

    async def look() -> Wire | None:
        await made.app.context.database.stamp()
        found = made.app.at_hand(scope)
        return found if isinstance(found, Wire) else None

    return asyncio.run_coroutine_threadsafe(look(), made.loop).result(30)


def sent_again(made: World, person: Person, path: str, **fields: str) -> Wire:
    """As `at_hand`, after it was asked for; again should somebody have written something in between."""
    for _ in range(50):
        assert person.get(path).status_code == 200
        if wire := at_hand(made, path, person.key, **fields):
            return wire
    raise AssertionError(f"{path} is never at hand")


def exchange(made: World, *sent: bytes) -> bytes:
    """All that comes back for `sent`, each written on its own to one connection."""
    parts = urlsplit(made.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 30) as connection:
        for part in sent:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def asked(path: str, key: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    head = (f"{method} {path} HTTP/{version}", "Host: h", f"Authorization: Bearer {key}", *lines)
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def statuses(told: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1.1 (\d+)", told)


@pytest.mark.parametrize("path", [SKILL, DRIVE, f"{DRIVE}?includeDisabled=true"])
def test_second_of_the_same_is_at_hand_and_is_the_same(api: World, person: Person, path: str) -> None:
    assert at_hand(api, path, person.key) is None
    first = person.get(path)
    wire = sent_again(api, person, path)
    assert (wire.status, wire.body) == (200, first.content)
    told = dict(line.split(": ", 1) for line in wire.lines.decode().splitlines())
    own = {"x-request-id", "date", "server"}
    assert {k: v for k, v in told.items() if k not in own} == {
        k: v for k, v in first.headers.items() if k not in own
    }
    assert told["x-request-id"] != first.headers["x-request-id"]


def test_bytes_by_digest_are_at_hand_for_everybody(api: World, person: Person) -> None:
    url = person.get(SKILL).json()["data"]["download"]["url"]
    body = person.get(url).content
    for key in (person.key, "whatever sx sends"):
        wire = at_hand(api, url, key)
        assert wire is not None
        assert wire.body == body
        assert b"ratelimit" not in wire.lines


def test_only_what_everybody_may_have_is_of_the_bucket_alone() -> None:
    of_bucket = [endpoint for endpoint in ENDPOINTS if endpoint.of_bucket]
    assert of_bucket
    for endpoint in of_bucket:
        assert (endpoint.remembered, endpoint.auth, endpoint.query) == (True, Auth.NONE, None)


@pytest.mark.parametrize(("shown", "status"), [("{}", 304), ('W/{}, "x"', 304), ("*", 304), ('"x"', 200)])
def test_who_has_it_is_told_so(api: World, person: Person, shown: str, status: int) -> None:
    etag = person.get(SKILL).headers["etag"]
    wire = sent_again(api, person, SKILL, if_none_match=shown.replace("{}", etag))
    assert (wire.status, bool(wire.body), b"content-length" in wire.lines) == (
        status,
        status == 200,
        status == 200,
    )


def test_own_write_is_not_at_hand_as_it_was(api: World, person: Person) -> None:
    sent_again(api, person, DRIVE)
    assert person.post(f"{DRIVE}/import", json={"skillSlug": "text-facts"}).status_code == 201
    assert at_hand(api, DRIVE, person.key) is None
    assert [item["slug"] for item in person.get(DRIVE).json()["data"]["skills"]] == ["text-facts"]


def test_key_whose_time_is_over_is_refused_at_once(api: World, person: Person) -> None:
    short = api.key(person, KeyOptions(expires_at=api.clock() + 60_000))
    for _ in range(2):
        assert short.get(SKILL).status_code == 200
    api.clock.ahead += 120_000
    try:
        assert at_hand(api, SKILL, short.key) is None
        assert short.get(SKILL).status_code == 401
    finally:
        api.clock.ahead -= 120_000


def test_many_in_one_packet_are_answered_in_their_order(api: World, person: Person) -> None:
    person.get(SKILL)
    sent = [
        asked(SKILL, person.key),
        asked("/api/v1/skills?q=pdf", person.key),
        asked(SKILL, person.key, method="HEAD"),
        asked("/api/v1/nothing", person.key),
        asked(SKILL, person.key, 'If-None-Match: "no"', "If-None-Match: *"),
        asked(SKILL, person.key, CLOSE),
    ]
    whole, apart = exchange(api, b"".join(sent)), exchange(api, *sent)
    for told in (whole, apart):
        assert statuses(told) == [b"200", b"200", b"200", b"404", b"200", b"200"]
        assert told.count(b"content-length: ") == 6
        assert told.count(b"connection: close") == 1


def test_what_was_known_a_moment_ago_is_answered_in_its_order_as_well(api: World, person: Person) -> None:
    """On PostgreSQL the stamp is too old by then, and is waited for without a task."""
    sent_again(api, person, SKILL)
    time.sleep(2 * STAMP_SECONDS)
    one = asked(SKILL, person.key)
    told = exchange(api, one + asked("/api/v1/nothing", person.key) + one + asked(SKILL, person.key, CLOSE))
    assert statuses(told) == [b"200", b"404", b"200", b"200"]


def test_who_leaves_while_it_is_waited_for_harms_nobody(api: World, person: Person) -> None:
    sent_again(api, person, SKILL)
    time.sleep(2 * STAMP_SECONDS)
    parts = urlsplit(api.url)
    for _ in range(20):
        with socket.create_connection((parts.hostname or "", parts.port or 0), 30) as connection:
            connection.sendall(asked(SKILL, person.key) * 3)
    assert person.get(SKILL).status_code == 200


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        ((CLOSE,), "1.1"),
        ((), "1.0"),
        (("Content-Length: 2", CLOSE, "", "{}"), "1.1"),
    ],
)
def test_request_that_is_not_plain_goes_the_usual_way(
    api: World, person: Person, lines: Sequence[str], version: str
) -> None:
    person.get(SKILL)
    told = exchange(api, asked(SKILL, person.key, *lines, version=version))
    assert statuses(told) == [b"200"]
    assert b"connection: close" in told


def test_answer_is_counted_and_its_id_is_the_callers(api: World, person: Person) -> None:
    counted = 'skillpress_requests_total{method="GET",route="skill",status="200"} '

    def count() -> float:
        page = api.app.context.metrics.page().decode()
        return float(page.partition(counted)[2].partition("\n")[0])

    wire = sent_again(api, person, SKILL, x_request_id="mine-0123456789")
    assert b"x-request-id: mine-0123456789\r\n" in wire.lines
    before = count()
    asked_for = sum(at_hand(api, SKILL, person.key) is not None for _ in range(3))
    assert count() == before + asked_for


def test_lock_is_at_hand_whatever_is_written_that_it_does_not_show(api: World, person: Person) -> None:
    """R1. Only what a lock may show is missing in what is kept, and any access is a commit."""
    first = person.get(LOCK)
    wire = sent_again(api, person, LOCK)
    assert (wire.status, wire.body) == (200, first.content)
    own = {"x-request-id", "date", "server", "ratelimit-remaining", "ratelimit-reset"}
    told = dict(line.split(": ", 1) for line in wire.lines.decode().splitlines())
    assert {k: v for k, v in told.items() if k not in own} == {
        k: v for k, v in first.headers.items() if k not in own
    }
    unchanged = sent_again(api, person, LOCK, if_none_match=first.headers["etag"])
    assert (unchanged.status, unchanged.body, b"content-" in unchanged.lines) == (304, b"", False)
    api.person()
    assert api.person().get(LOCK).status_code == 200
    assert sent_again(api, person, LOCK).body == first.content


def test_lock_at_hand_is_in_the_audit_log(api: World, person: Person) -> None:
    """Each call is a row, with how it came in."""
    etag = person.get(LOCK).headers["etag"]
    fields = {"x_request_id": "mine-lock-012345", "x_session_id": "s-at-hand", "user_agent": "sx/1"}
    sent_again(api, person, LOCK, if_none_match=etag, **fields)
    asyncio.run_coroutine_threadsafe(api.app.context.accesses.flush(), api.loop).result(30)
    query = select(audit_events).where(audit_events.c.session_id == "s-at-hand")
    (row,) = api.read(lambda db: db.execute(query).all())
    assert (row.event, row.request_id, row.user_agent) == ("LOCK_FILE_ACCESSED", "mine-lock-012345", "sx/1")
    assert (row.actor_name, row.address, row.key_prefix) == (person.email, "127.0.0.1", person.key[:12])
    assert json.loads(row.data) == {"etag": etag, "status": 304}


@pytest.mark.parametrize("options", [KeyOptions(kind="upload_only"), KeyOptions(kind="scoped")])
def test_lock_is_not_at_hand_for_a_key_that_may_not_have_it(
    api: World, person: Person, options: KeyOptions
) -> None:
    sent_again(api, person, LOCK)
    other = api.key(person, options)
    assert other.get(LOCK).status_code == 403
    assert at_hand(api, LOCK, other.key) is None


def test_lock_is_made_anew_by_what_it_shows(api: World, person: Person, tmp_path: Path) -> None:
    """An install is in the next answer, and a key that is revoked gets none."""
    before = sent_again(api, person, LOCK)
    folder = skill_folder(tmp_path, "shown-at-once")
    sx = client(api, person, tmp_path / "home")
    sx.add(folder, name="shown-at-once", targets=Targets(users=["me"]), no_install=True)
    assert at_hand(api, LOCK, person.key) is None
    assert sent_again(api, person, LOCK).body != before.body
    api.spoil(person, "revoked")
    assert at_hand(api, LOCK, person.key) is None
    assert person.get(LOCK).status_code == 401


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """The API for a bucket elsewhere, with small limits and one origin."""
    settings: Mapping[str, object] = {
        "data": {"registry": str(registry)},
        "limits": {"key_per_minute": 3, "anonymous_per_minute": 2, "address_per_minute": 100},
        "server": {"cors_origins": ["https://app.example"]},
    }
    with world(tmp_path_factory.mktemp("strict") / "data", None, {**settings}) as made:
        yield made


def test_limit_counts_what_is_at_hand(strict: World) -> None:
    person = strict.person()
    assert person.get(SKILL).headers["ratelimit-remaining"] == "2"
    for left in (b"1", b"0"):
        wire = at_hand(strict, SKILL, person.key)
        assert wire is not None
        assert b"ratelimit-remaining: %b\r\n" % left in wire.lines
    assert at_hand(strict, SKILL, person.key) is None
    assert person.get(SKILL).status_code == 429


def test_limit_of_who_has_no_key_counts_as_well(strict: World) -> None:
    assert strict.anonymous.get(SKILL).headers["ratelimit-remaining"] == "1"
    assert at_hand(strict, SKILL) is not None
    assert at_hand(strict, SKILL) is None
    assert strict.anonymous.get(SKILL).status_code == 429


def test_origin_is_answered_as_the_settings_say(strict: World) -> None:
    person = strict.person()
    known = sent_again(strict, person, SKILL, origin="https://app.example")
    other = sent_again(strict, strict.person(), SKILL, origin="https://other.example")
    assert b"access-control-allow-origin: https://app.example\r\n" in known.lines
    assert b"access-control" not in other.lines


def test_bytes_that_are_taken_back_are_not_at_hand(strict: World) -> None:
    """D14: 410 on every byte, also on what was sent before."""
    person = strict.person()
    url = person.get("/api/v1/skills/text-facts").json()["data"]["download"]["url"]
    assert person.get(url).status_code == 200
    assert at_hand(strict, url) is not None
    shelf.withdraw(strict, url.rpartition("/")[2].removesuffix(".zip"))
    shelf.follows(strict, lambda: at_hand(strict, url) is None)
    assert person.get(url).status_code == 410


def test_nothing_is_counted_where_something_would_be_refused() -> None:
    limiter = Limiter("memory://")
    first, second = ("address", "a", 10), ("anonymous", "b", 1)
    assert limiter.take_at_once([first, second]) is not None
    assert limiter.take_at_once([first, second]) is None
    told = limiter.take_at_once([first])
    assert told is not None
    assert dict(told)[b"ratelimit-remaining"] == b"8"
    assert limiter.take_at_once([("key", "c", 0)]) == ()
