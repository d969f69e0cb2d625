"""How often somebody may call (contracts/skillzdrive.md 2.3): per key, install id and real address."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamic_api.limiter import warning
from dynamic_api.services.keys import KeyOptions
from tests.api.shelf import error
from tests.api.world import World, world

CREDITS = "/api/v1/account/credits"
SEARCH = "/api/v1/skills?q=pdf"
TELEMETRY = "/api/v1/telemetry/anonymous"
INSTALL_ID = "X-Skillzdrive-Install-Id"
PROXY, OTHER_PROXY = "127.0.0.0/8", "10.9.0.0/16"
LIMITS = {
    "anonymous_per_minute": 1,
    "address_per_minute": 5,
    "key_per_minute": 4,
    "telemetry_per_minute": 2,
    "telemetry_address_per_minute": 6,
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """The API behind two layers of proxies, with small limits."""
    folder = tmp_path_factory.mktemp("strict")
    settings = {"limits": LIMITS, "server": {"trusted_proxies": [PROXY, OTHER_PROXY]}}
    with world(folder / "data", None, settings, registry) as made:
        yield made


@pytest.fixture
def address() -> str:
    """An address that nobody had before."""
    parts = uuid.uuid4().bytes
    return f"203.{parts[0]}.{parts[1]}.{parts[2]}"


def ask(made: World, path: str, forwarded: str, install_id: str | None = None) -> Any:
    headers = {"X-Forwarded-For": forwarded} | ({INSTALL_ID: install_id} if install_id else {})
    return made.anonymous.get(path, headers=headers)


def told(answer: Any) -> tuple[str, str]:
    return answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]


def test_key_has_its_window(strict: World) -> None:
    """2.3: keyed calls, by the setting; each answer says how many are left."""
    person, other = strict.person(), strict.person()
    answers = [person.get(CREDITS) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert [told(answer) for answer in answers] == [("4", str(left)) for left in (3, 2, 1, 0, 0)]
    assert other.get(CREDITS).status_code == 200


def test_key_may_have_a_limit_of_its_own(strict: World) -> None:
    """2.3: the key's rate_limit_per_minute."""
    person = strict.person(options=KeyOptions(rate_limit_per_minute=1))
    assert [person.get(CREDITS).status_code for _ in range(2)] == [200, 429]
    rich = strict.person(options=KeyOptions(rate_limit_per_minute=50))
    assert {rich.get(CREDITS).status_code for _ in range(10)} == {200}


def test_what_a_lock_names_is_had_however_much_it_is(strict: World) -> None:
    """contracts/sx.md 0 row 17: sx never tries again, and ten machines with one bot's key fetch hundreds."""
    person = strict.person(options=KeyOptions(rate_limit_per_minute=1))
    path = "/api/skills/assets/pdf-tools/1/pdf-tools-1.zip"
    assert {person.get(path).status_code for _ in range(5)} == {200}


def test_refusal_says_when_to_come_back(strict: World) -> None:
    """2.3: 429 with Retry-After and RateLimit-*."""
    person = strict.person(options=KeyOptions(rate_limit_per_minute=1))
    person.get(CREDITS)
    answer = person.get(CREDITS)
    assert error(answer) == (429, "rate_limited")
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 60
    assert answer.headers["ratelimit-reset"] == answer.headers["retry-after"]
    assert f"{wait} s" in answer.json()["error"]["message"]
    assert answer.headers["cache-control"] == "no-store"


def test_refused_call_does_nothing(strict: World) -> None:
    person = strict.person(options=KeyOptions(rate_limit_per_minute=1))
    person.get(CREDITS)
    assert person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"}).status_code == 429
    strict.app.context.limiter._counter._windows.clear()  # type: ignore[attr-defined]
    assert person.get("/api/v1/drive").json()["data"]["skills"] == []


def test_anonymous_calls_are_one_a_minute(strict: World, address: str) -> None:
    """2.3: one per minute and address, with the install id as a soft identity."""
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    assert ask(strict, SEARCH, address, first).status_code == 200
    assert ask(strict, SEARCH, address, first).status_code == 429
    assert ask(strict, SEARCH, address, first.upper()).status_code == 429
    assert ask(strict, SEARCH, address, second).status_code == 200
    assert ask(strict, SEARCH, "203.0.114.7", first).status_code == 200


def test_invented_install_ids_do_not_help_for_long(strict: World, address: str) -> None:
    answers = [ask(strict, SEARCH, address, str(uuid.uuid4())) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert ask(strict, SEARCH, address, "no uuid at all").status_code == 429


@pytest.mark.parametrize(
    "forwarded",
    [
        "{}",
        "6.6.6.6, {}",
        "{}, 10.9.1.1",
        "6.6.6.6, {}, 10.9.1.1, 127.0.0.9",
        "{},10.9.1.1",
    ],
)
def test_real_address_is_the_last_that_no_proxy_has(strict: World, address: str, forwarded: str) -> None:
    """2.3: what a client writes before it does not make it another."""
    assert ask(strict, SEARCH, address).status_code == 200
    assert ask(strict, SEARCH, forwarded.format(address)).status_code == 429


def test_line_of_the_proxy_below_the_clients_own_counts(strict: World, address: str) -> None:
    """2.3: a proxy may add a header line instead of lengthening the client's, as HAProxy does."""
    assert ask(strict, SEARCH, address).status_code == 200
    lines = [("X-Forwarded-For", "6.6.6.7"), ("X-Forwarded-For", address)]
    assert strict.anonymous.get(SEARCH, headers=lines).status_code == 429


@pytest.mark.parametrize("forwarded", ["nonsense", "", "999.1.1.1", "6.6.6.6, nonsense", "127.0.0.1"])
def test_address_that_is_none_is_that_of_the_proxy(strict: World, forwarded: str) -> None:
    strict.app.context.limiter._counter._windows.clear()  # type: ignore[attr-defined]
    assert strict.anonymous.get(SEARCH).status_code == 200
    assert ask(strict, SEARCH, forwarded).status_code == 429


def test_nobody_is_believed_without_a_trusted_proxy(tmp_path: Path, registry: Path) -> None:
    with world(tmp_path / "data", None, {"limits": LIMITS}, registry) as made:
        assert ask(made, SEARCH, "203.0.114.1").status_code == 200
        assert ask(made, SEARCH, "203.0.114.2").status_code == 429


def test_public_reads_are_in_no_bucket(strict: World, address: str) -> None:
    """2.3: downloads, manifests, one skill of the bucket: as often as wanted."""
    assert ask(strict, SEARCH, address).status_code == 200
    assert ask(strict, SEARCH, address).status_code == 429
    sha256 = strict.app.context.catalogue.skill("pdf-tools").download.sha256  # type: ignore[union-attr]
    paths = ["/marketplace.json", "/api/v1/skills/pdf-tools"]
    paths += [f"/api/v1/downloads/public/pdf-tools/{sha256}.zip", "/release.json", "/healthz"]
    for path in paths:
        answers = {ask(strict, path, address).status_code for _ in range(10)}
        assert answers == {200}, path


def test_public_downloads_of_the_api_alone_are_in_no_bucket(tmp_path: Path, registry: Path) -> None:
    settings = {"limits": LIMITS, "data": {"registry": str(registry)}}
    with world(tmp_path / "data", None, settings) as made:
        sha256 = made.app.context.catalogue.skill("pdf-tools").download.sha256  # type: ignore[union-attr]
        for path in (f"/api/v1/downloads/public/pdf-tools/{sha256}.zip", "/marketplace.json"):
            assert {made.anonymous.get(path).status_code for _ in range(10)} == {200}, path


def test_telemetry_has_buckets_of_its_own(strict: World, address: str) -> None:
    """2.3: it does not share the anonymous one."""

    def send(install_id: str) -> int:
        body = {"install_id": install_id, "event_type": "sync", "cli_version": "1", "os": "x"}
        headers = {"X-Forwarded-For": address, INSTALL_ID: install_id}
        return int(strict.anonymous.post(TELEMETRY, json=body, headers=headers).status_code)

    mine = str(uuid.uuid4())
    assert [send(mine) for _ in range(3)] == [202, 202, 429]
    assert ask(strict, SEARCH, address, mine).status_code == 200
    assert [send(str(uuid.uuid4())) for _ in range(4)] == [202, 202, 202, 429]


@pytest.mark.parametrize(
    ("storage", "workers", "told"),
    [("memory://", 1, False), ("memory://", 2, True), ("redis://localhost:6379/0", 8, False)],
)
def test_operator_is_told_that_workers_count_alone(storage: str, workers: int, told: bool) -> None:
    """2.3: limits are shared across workers, when there is something to share."""
    assert (warning(storage, workers) is not None) is told
