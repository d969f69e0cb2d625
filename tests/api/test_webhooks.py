"""Webhooks (contracts/skillzdrive.md rows 29 to 31, and 6): subscriptions, events, deliveries, replay."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select, update

from dynamic_api.database.tables import audit_events, webhook_deliveries, webhooks
from dynamic_api.sections import Webhooks
from dynamic_api.services import credits, deliveries
from dynamic_api.services.events import is_crossed
from tests.api.receiver import Receiver, receiving
from tests.api.world import Person, World, world
from tests.databases import KINDS, new_url

PATH = "/api/v1/account/webhooks"
HIT, EXHAUSTED = "credits.threshold_hit", "credits.exhausted"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture(scope="module", params=KINDS)
def hooks(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    registry: Path,
    receiver: Receiver,
) -> Iterator[World]:
    """The API, told that the receiver is a friend, and with little patience."""
    folder = tmp_path_factory.mktemp(f"hooks-{request.param}")
    url = new_url(request.param, folder, request)
    rules = {
        "allow_hosts": [receiver.address],
        "poll_seconds": 0.02,
        "timeout_seconds": 0.5,
        "per_account": 3,
    }
    with world(folder / "data", url, {"webhooks": rules}, registry) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_new(receiver: Receiver) -> None:
    receiver.forget()


@pytest.fixture
def somebody(hooks: World) -> Person:
    """An account with 25 credits."""
    return hooks.person()


def subscribe(person: Person, url: str, event: str = HIT, threshold: int | None = 10) -> Any:
    answer = person.post(PATH, json={"event_type": event, "threshold_value": threshold, "target_url": url})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def spend(world: World, person: Person, amount: int) -> None:
    world.write(lambda db: credits.debit(db, person.id, amount, "test", now=world.clock()))


def earn(world: World, person: Person, amount: int) -> None:
    world.write(lambda db: credits.credit(db, person.id, amount, "test", now=world.clock()))


def settled(person: Person, hook_id: str, count: int = 1) -> list[Any]:
    """The log of a subscription, once `count` of its lines are finished."""
    for _ in range(2000):
        lines = person.get(f"{PATH}/{hook_id}/deliveries").json()["data"]["deliveries"]
        if sum(line["status"] != "waiting" for line in lines) >= count:
            return list(lines)
    raise AssertionError(f"not finished: {lines}")


def test_secret_is_shown_once(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """Rows 29, 30."""
    made = subscribe(somebody, receiver.url("/once"))
    secret = made.pop("secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", secret)
    assert made == {
        "id": made["id"],
        "event_type": HIT,
        "threshold_value": 10,
        "target_url": receiver.url("/once"),
        "enabled": True,
        "created_at": made["created_at"],
        "last_delivery_status": None,
        "last_delivery_error": None,
        "last_delivery_at": None,
    }
    listed = somebody.get(PATH)
    assert listed.json() == {"data": {"webhooks": [made]}}
    sealed = hooks.read(
        lambda db: db.execute(select(webhooks.c.sealed).where(webhooks.c.id == made["id"])).scalar_one()
    )
    assert secret.encode() not in sealed


def test_receiver_gets_the_documented_request(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """6: event, body, headers, signature, status kept."""
    hook = subscribe(somebody, receiver.url("/documented?a=1"))
    spend(hooks, somebody, 15)
    (got,) = receiver.wait("/documented?a=1")
    body = got.json
    assert list(body) == ["event", "owner_user_id", "credits_remaining", "threshold", "timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body.pop("timestamp"))
    assert body == {"event": HIT, "owner_user_id": somebody.id, "credits_remaining": 10, "threshold": 10}
    digest = hmac.new(hook["secret"].encode(), got.body, hashlib.sha256).hexdigest()
    (line,) = settled(somebody, hook["id"])
    assert got.headers["x-skillzdrive-signature"] == f"sha256={digest}"
    assert got.headers["x-skillzdrive-event"] == HIT
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-skillzdrive-delivery"] == line["id"]
    assert (line["status"], line["attempts"], line["response_status"]) == ("delivered", 1, 200)
    (shown,) = somebody.get(PATH).json()["data"]["webhooks"]
    assert (shown["last_delivery_status"], shown["last_delivery_error"]) == (200, None)
    assert shown["last_delivery_at"]


def test_crossing_counts_once_and_again_after_recovery(
    hooks: World, somebody: Person, receiver: Receiver
) -> None:
    """6: once per downward crossing; re-arms when the balance recovers; silent while it stays low."""
    hook = subscribe(somebody, receiver.url("/crossing"))
    for amount in (10, 5, 3, 2):  # 25 → 15 → 10 (hit) → 7 → 5
        spend(hooks, somebody, amount)
    earn(hooks, somebody, 3)  # 8: still low
    spend(hooks, somebody, 4)  # 4
    earn(hooks, somebody, 7)  # 11: recovered
    spend(hooks, somebody, 9)  # 2 (hit)
    lines = settled(somebody, hook["id"], 2)
    assert len(lines) == 2
    remaining = [got.json["credits_remaining"] for got in receiver.wait("/crossing", 2)]
    assert sorted(remaining) == [2, 10]


def test_exhausted_ignores_the_threshold(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """6: credits.exhausted fires at 0, and its value is ignored."""
    hook = subscribe(somebody, receiver.url("/empty"), EXHAUSTED, 7)
    assert hook["threshold_value"] is None
    spend(hooks, somebody, 20)
    spend(hooks, somebody, 5)
    (got,) = receiver.wait("/empty")
    assert (got.json["credits_remaining"], got.json["threshold"]) == (0, None)


def test_event_of_an_undone_debit_is_undone(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """D11: decided and queued in the transaction of the debit."""
    hook = subscribe(somebody, receiver.url("/undone"))

    def fail(db: Connection) -> None:
        credits.debit(db, somebody.id, 20, "test", now=hooks.clock())
        assert db.execute(select(func.count()).select_from(webhook_deliveries)).scalar_one() > 0
        raise LookupError

    with pytest.raises(LookupError):
        hooks.write(fail)
    assert somebody.get(f"{PATH}/{hook['id']}/deliveries").json()["data"]["deliveries"] == []
    assert receiver.at("/undone") == []


@pytest.mark.parametrize(
    ("event", "threshold", "before", "after", "crossed"),
    [
        (HIT, 10, 11, 10, True),
        (HIT, 10, 11, 9, True),
        (HIT, 10, 10, 9, False),
        (HIT, 10, 9, 11, False),
        (HIT, 10, 12, 11, False),
        (HIT, 0, 1, 0, True),
        (EXHAUSTED, None, 1, 0, True),
        (EXHAUSTED, None, 2, 1, False),
        (EXHAUSTED, None, 0, 0, False),
    ],
)
def test_crossing(event: str, threshold: int | None, before: int, after: int, crossed: bool) -> None:
    assert is_crossed(event, threshold, before, after) is crossed


@given(st.lists(st.integers(0, 30), min_size=2, max_size=50), st.integers(0, 30))
def test_events_alternate_with_recoveries(balances: list[int], threshold: int) -> None:
    """However a balance moves, between two events it was above the threshold."""
    armed = True
    for before, after in itertools.pairwise(balances):
        armed = armed or before > threshold
        if is_crossed(HIT, threshold, before, after):
            assert armed
            armed = False


@pytest.mark.parametrize(("status", "path"), [(500, "/five"), (302, "/redirect"), (404, "/four")])
def test_refusal_is_final_and_its_status_is_kept(
    hooks: World, somebody: Person, receiver: Receiver, status: int, path: str
) -> None:
    """6: at most once by default; a redirect is not followed."""
    receiver.answers[path] = [status]
    hook = subscribe(somebody, receiver.url(path))
    spend(hooks, somebody, 15)
    (line,) = settled(somebody, hook["id"])
    assert (line["status"], line["attempts"], line["response_status"]) == ("failed", 1, status)
    assert somebody.get(PATH).json()["data"]["webhooks"][0]["last_delivery_status"] == status
    assert receiver.at("/elsewhere") == []


def test_slow_receiver_has_failed(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """6: slower than the deadline is failed. It does not keep others waiting."""
    letting_go = receiver.hold("/slow")
    slow = subscribe(somebody, receiver.url("/slow"))
    quick = subscribe(somebody, receiver.url("/quick"))
    spend(hooks, somebody, 15)
    receiver.wait("/quick")
    assert settled(somebody, quick["id"])[0]["status"] == "delivered"
    (line,) = settled(somebody, slow["id"])
    assert (line["status"], line["response_status"], line["error"]) == ("failed", None, "outbound_timeout")
    letting_go.set()


def test_replay_sends_the_same_once_more(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """Our own route: the same body under the same id."""
    receiver.answers["/replay"] = [503]
    hook = subscribe(somebody, receiver.url("/replay"))
    spend(hooks, somebody, 15)
    (line,) = settled(somebody, hook["id"])
    answer = somebody.post(f"{PATH}/{hook['id']}/deliveries/{line['id']}/replay")
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "waiting")
    first, second = receiver.wait("/replay", 2)
    assert (first.body, first.headers["x-skillzdrive-delivery"]) == (
        second.body,
        second.headers["x-skillzdrive-delivery"],
    )
    (after,) = settled(somebody, hook["id"])
    assert (after["id"], after["status"]) == (line["id"], "delivered")


def test_replay_of_what_waits_or_is_not_there(hooks: World, somebody: Person, receiver: Receiver) -> None:
    letting_go = receiver.hold("/waits")
    hook = subscribe(somebody, receiver.url("/waits"))
    spend(hooks, somebody, 15)
    receiver.wait("/waits")
    (line,) = somebody.get(f"{PATH}/{hook['id']}/deliveries").json()["data"]["deliveries"]
    again = somebody.post(f"{PATH}/{hook['id']}/deliveries/{line['id']}/replay")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "delivery_waiting")
    letting_go.set()
    missing = somebody.post(f"{PATH}/{hook['id']}/deliveries/{'0' * 32}/replay")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "delivery_not_found")
    settled(somebody, hook["id"])
    somebody.patch(f"{PATH}/{hook['id']}", json={"enabled": False})
    off = somebody.post(f"{PATH}/{hook['id']}/deliveries/{line['id']}/replay")
    assert (off.status_code, off.json()["error"]["code"]) == (409, "webhook_disabled")


def test_change(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """Row 31 as PATCH: only what is given changes; the secret never shows."""
    hook = subscribe(somebody, receiver.url("/before"))
    path = f"{PATH}/{hook['id']}"
    del hook["secret"]
    assert somebody.patch(path, json={}).json()["data"] == hook
    changed = somebody.patch(path, json={"threshold_value": 20, "target_url": receiver.url("/after")})
    assert changed.json()["data"] == {**hook, "threshold_value": 20, "target_url": receiver.url("/after")}
    somebody.patch(path, json={"enabled": False})
    spend(hooks, somebody, 10)
    somebody.patch(path, json={"enabled": True, "threshold_value": 10})
    spend(hooks, somebody, 5)
    (got,) = receiver.wait("/after")
    assert got.json["credits_remaining"] == 10
    assert receiver.at("/before") == []


def test_disabling_ends_what_waits(hooks: World, somebody: Person, receiver: Receiver) -> None:
    letting_go = receiver.hold("/disabled")
    hook = subscribe(somebody, receiver.url("/disabled"))
    spend(hooks, somebody, 15)
    receiver.wait("/disabled")
    somebody.patch(f"{PATH}/{hook['id']}", json={"enabled": False})
    letting_go.set()
    (line,) = settled(somebody, hook["id"])
    assert (line["status"], line["error"]) == ("failed", "webhook_disabled")


def test_delete(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """Row 31."""
    hook = subscribe(somebody, receiver.url("/gone"))
    answer = somebody.delete(f"{PATH}/{hook['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert somebody.get(PATH).json()["data"]["webhooks"] == []
    again = somebody.delete(f"{PATH}/{hook['id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "webhook_not_found")
    spend(hooks, somebody, 15)
    assert receiver.at("/gone") == []


def test_every_change_is_audited(hooks: World, somebody: Person, receiver: Receiver) -> None:
    hook = subscribe(somebody, receiver.url("/token-in-path"))
    somebody.patch(f"{PATH}/{hook['id']}", json={"threshold_value": 3})
    somebody.delete(f"{PATH}/{hook['id']}")
    rows = hooks.read(
        lambda db: db.execute(
            select(audit_events.c.event, audit_events.c.target_name)
            .where(audit_events.c.actor_id == somebody.id)
            .order_by(audit_events.c.at)
        ).all()
    )
    assert [tuple(row) for row in rows] == [
        (f"WEBHOOK_{what}", receiver.address) for what in ("CREATED", "CHANGED", "DELETED")
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/{delivery}/replay"),
    ],
)
def test_others_find_nothing(
    hooks: World, somebody: Person, receiver: Receiver, method: str, path: str
) -> None:
    hook = subscribe(somebody, receiver.url("/mine"))
    path = path.format(delivery="0" * 32)
    content = {"json": {"enabled": False}} if method == "PATCH" else {}
    stranger = hooks.person().request(method, f"{PATH}/{hook['id']}{path}", **content)
    unknown = somebody.request(method, f"{PATH}/{'0' * 32}{path}", **content)
    assert (stranger.status_code, stranger.json()) == (404, unknown.json())
    assert stranger.json()["error"]["code"] == "webhook_not_found"


def test_account_has_a_limit(somebody: Person, receiver: Receiver) -> None:
    for count in range(3):
        subscribe(somebody, receiver.url(f"/limit/{count}"))
    body = {"event_type": EXHAUSTED, "target_url": receiver.url("/limit")}
    answer = somebody.post(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many_webhooks")


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("http://hooks.example/x", 400, "bad_url"),
        ("ftp://hooks.example/x", 400, "bad_url"),
        ("hooks.example", 400, "bad_url"),
        ("https://", 400, "bad_url"),
        ("https://user:word@hooks.example/", 400, "bad_url"),
        ("javascript:alert(1)", 400, "bad_url"),
        ("", 400, "validation_error"),
        ("https://h/" + "x" * 2048, 400, "validation_error"),
        ("https://127.0.0.1/x", 422, "address_refused"),
        ("https://[::1]/x", 422, "address_refused"),
        ("https://[::ffff:10.0.0.1]/x", 422, "address_refused"),
        ("https://169.254.169.254/latest", 422, "address_refused"),
        ("https://10.1.2.3:8443/x", 422, "address_refused"),
        ("https://localhost/x", 422, "address_refused"),
        ("https://no-such-host.invalid/x", 422, "host_unknown"),
        ("https://hooks.example:22/x", 422, "port_refused"),
        ("https://127.0.0.1:6379/", 422, "port_refused"),
    ],
)
def test_address_is_looked_at_first(somebody: Person, url: str, status: int, code: str) -> None:
    """6, hardening: https only, no private addresses; at create and at change alike."""
    body = {"event_type": EXHAUSTED, "target_url": url}
    answer = somebody.post(PATH, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["place"]) == (status, code, "body.target_url")
    assert somebody.get(PATH).json()["data"]["webhooks"] == []


def test_address_is_looked_at_again_when_it_is_used(
    hooks: World, somebody: Person, receiver: Receiver
) -> None:
    """6, hardening: a name that came to lead inside is refused at the delivery."""
    hook = subscribe(somebody, receiver.url("/moved"))
    host = receiver.address.partition(":")[0]
    inside = f"https://{host}:8443/"
    hooks.write(
        lambda db: db.execute(update(webhooks).where(webhooks.c.id == hook["id"]).values(target_url=inside))
    )
    bad = somebody.patch(f"{PATH}/{hook['id']}", json={"target_url": inside})
    assert bad.status_code == 422
    spend(hooks, somebody, 15)
    (line,) = settled(somebody, hook["id"])
    assert (line["status"], line["response_status"], line["error"]) == ("failed", None, "address_refused")
    assert somebody.get(PATH).json()["data"]["webhooks"][0]["last_delivery_error"] == "address_refused"


GOOD = {"event_type": HIT, "threshold_value": 1, "target_url": "https://127.0.0.1/"}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "body.event_type"),
        ({**GOOD, "event_type": None}, "body.event_type"),
        ({**GOOD, "event_type": ""}, "body.event_type"),
        ({**GOOD, "event_type": "CREDITS.EXHAUSTED"}, "body.event_type"),
        ({**GOOD, "event_type": 7}, "body.event_type"),
        ({**GOOD, "target_url": None}, "body.target_url"),
        ({**GOOD, "target_url": ["https://a"]}, "body.target_url"),
        ({**GOOD, "threshold_value": -1}, "body.threshold_value"),
        ({**GOOD, "threshold_value": 2**53}, "body.threshold_value"),
        ({**GOOD, "threshold_value": 1.5}, "body.threshold_value"),
        ({**GOOD, "threshold_value": "1"}, "body.threshold_value"),
        ({**GOOD, "thresholdValue": 1}, "body.thresholdValue"),
        ([], "body"),
        (None, "body"),
    ],
)
def test_bad_body(somebody: Person, body: Any, place: str) -> None:
    answer = somebody.post(PATH, content=json.dumps(body), headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["place"]) == (400, "validation_error", place)


@pytest.mark.parametrize("body", [{"threshold_value": None}, {"enabled": None}, {"event_type": HIT}])
def test_bad_change(somebody: Person, receiver: Receiver, body: Any) -> None:
    hook = subscribe(somebody, receiver.url("/bad"))
    answer = somebody.patch(f"{PATH}/{hook['id']}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")


def test_threshold_is_needed(somebody: Person, receiver: Receiver) -> None:
    answer = somebody.post(PATH, json={"event_type": HIT, "target_url": receiver.url("/none")})
    assert (answer.status_code, answer.json()["error"]["place"]) == (400, "body.threshold_value")


def queue(world: World, hook_id: str, count: int, **values: Any) -> None:
    """Put `count` deliveries into the queue by hand."""
    now = world.clock()
    row = {"webhook_id": hook_id, "event_type": HIT, "body": b"{}", "created_at": now, "due_at": now}
    rows = [{"id": f"{hook_id[:24]}{number:08d}", **row, **values} for number in range(count)]
    world.write(lambda db: db.execute(insert(webhook_deliveries), rows))


def test_two_claimers_never_take_the_same(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """The queue under several takers at once: SKIP LOCKED, or the one writer."""
    hook = subscribe(somebody, receiver.url("/claims"))
    later = hooks.clock() + 3_600_000
    queue(hooks, hook["id"], 60, due_at=later)

    def take(_number: int) -> list[str]:
        found = hooks.write(lambda db: deliveries.claim(db, later, 7, Webhooks()))
        return [item.id for item in found if item.webhook_id == hook["id"]]

    with ThreadPoolExecutor(8) as pool:
        taken = [one for many in pool.map(take, range(12)) for one in many]
    assert len(taken) == len(set(taken)) == 60
    somebody.delete(f"{PATH}/{hook['id']}")


def test_crash_in_the_middle_frees_a_delivery(hooks: World, somebody: Person, receiver: Receiver) -> None:
    """A lease that ran out is taken by the next; one that did not is left alone."""
    hook = subscribe(somebody, receiver.url("/crash"))
    now = hooks.clock()
    queue(hooks, hook["id"], 1, claimed_until=now + 60_000, attempts=1)
    other = subscribe(somebody, receiver.url("/after-crash"))
    queue(hooks, other["id"], 1)
    receiver.wait("/after-crash")
    assert receiver.at("/crash") == []
    hooks.write(
        lambda db: db.execute(
            update(webhook_deliveries)
            .where(webhook_deliveries.c.webhook_id == hook["id"])
            .values(claimed_until=now - 1)
        )
    )
    receiver.wait("/crash")
    (line,) = settled(somebody, hook["id"])
    assert (line["status"], line["attempts"]) == ("delivered", 2)


def test_retries_with_back_off(tmp_path: Path, registry: Path, receiver: Receiver) -> None:
    """On top of the reference, by setting: further tries, each after twice the time."""
    rules = {
        "allow_hosts": [receiver.address],
        "poll_seconds": 0.02,
        "retries": 2,
        "backoff_seconds": 0.05,
    }
    receiver.answers |= {"/retried": [500, 500], "/hopeless": [500, 500, 500, 500]}
    with world(tmp_path / "data", None, {"webhooks": rules}, registry) as made:
        person = made.person()
        good = subscribe(person, receiver.url("/retried"))
        bad = subscribe(person, receiver.url("/hopeless"))
        spend(made, person, 15)
        (line,) = settled(person, good["id"])
        assert (line["status"], line["attempts"], line["response_status"]) == ("delivered", 3, 200)
        (line,) = settled(person, bad["id"])
        assert (line["status"], line["attempts"], line["response_status"]) == ("failed", 3, 500)
        assert len(receiver.at("/hopeless")) == 3


def counted(world: World) -> dict[str, float]:
    """What `/metrics` says of webhooks: the last word of a series' name, or its label → value."""
    lines = world.anonymous.get("/metrics").text.splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith("skillpress_webhook_")]
    return {
        re.sub(r'.*outcome="(\w+)".*|skillpress_webhook_queue_', r"\1", name): float(value)
        for name, _, value in found
        if "_created" not in name
    }


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_count_tries_and_what_waits(
    tmp_path: Path, registry: Path, receiver: Receiver, kind: str, request: pytest.FixtureRequest
) -> None:
    rules = {"allow_hosts": [receiver.address], "poll_seconds": 0.02, "retries": 1, "backoff_seconds": 0.02}
    receiver.answers |= {"/second": [500], "/never": [500, 500]}
    url = new_url(kind, tmp_path, request)
    with world(tmp_path / "data", url, {"webhooks": rules}, registry) as made:
        assert counted(made) == {
            "delivered": 0, "failed": 0, "retried": 0, "length": 0, "overdue_seconds": 0
        }  # fmt: skip
        person = made.person()
        found = [subscribe(person, receiver.url(path)) for path in ("/first", "/second", "/never")]
        spend(made, person, 15)
        for hook in found:
            settled(person, hook["id"])
        queue(made, found[0]["id"], 2, due_at=made.clock() + 60_000)
        counts = counted(made)
        assert counts == {
            "delivered": 2, "failed": 1, "retried": 2, "length": 2, "overdue_seconds": 0
        }  # fmt: skip
        queue(made, found[1]["id"], 1, due_at=made.clock() - 5_000, claimed_until=made.clock() + 60_000)
        assert 5 <= counted(made)["overdue_seconds"] < 30


def test_stop_keeps_what_waits(tmp_path: Path, registry: Path, receiver: Receiver) -> None:
    """Graceful stop: what is under way is finished, what waits goes out after the next start, all once."""
    rules = {"allow_hosts": [receiver.address], "poll_seconds": 0.02, "at_once": 1}
    letting_go = receiver.hold("/kept")
    with world(tmp_path / "data", None, {"webhooks": rules}, registry) as first:
        person = first.person()
        hook = subscribe(person, receiver.url("/kept"))
        queue(first, hook["id"], 3)
        receiver.wait("/kept")
        letting_go.set()
    with world(tmp_path / "data", None, {"webhooks": rules}, registry):
        receiver.wait("/kept", 3)
    ids = [got.headers["x-skillzdrive-delivery"] for got in receiver.at("/kept")]
    assert len(ids) == len(set(ids)) == 3


def test_two_processes_send_each_delivery_once(
    tmp_path: Path, registry: Path, receiver: Receiver, request: pytest.FixtureRequest
) -> None:
    """Many processes on PostgreSQL: what one has taken, the other leaves alone."""
    url = new_url("postgresql", tmp_path, request)
    rules = {"allow_hosts": [receiver.address], "poll_seconds": 0.01, "at_once": 4}
    settings = {"webhooks": rules}
    with world(tmp_path / "one", url, settings, registry) as one:
        person = one.person()
        hook = subscribe(person, receiver.url("/twice"))
        with world(tmp_path / "two", url, settings | {"data": {"secret": one.app.context.secret}}, registry):
            queue(one, hook["id"], 60)
            receiver.wait("/twice", 60)
            assert all(line["status"] == "delivered" for line in settled(person, hook["id"], 50))
    ids = [got.headers["x-skillzdrive-delivery"] for got in receiver.at("/twice")]
    assert len(ids) == len(set(ids)) == 60
