"""What each end of a run costs (contracts/skillzdrive.md 4.4, 7.4; DESIGN.md D11), on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, insert, select, update

from dynamic_api.database.tables import (
    api_keys,
    credit_entries,
    idempotency_keys,
    run_sessions,
    runs,
    users,
)
from dynamic_api.ids import new_id
from dynamic_api.services import credits, run_ledger
from dynamic_api.services import run_sessions as run_sessions_book
from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.lab import (
    PRICE,
    RUNS,
    SESSIONS,
    assert_balanced,
    balance,
    done,
    laboratory,
    run,
    scientist,
    scripts_of_runs,
    states,
    until,
    until_busy,
)
from tests.api.shelf import error
from tests.api.world import Person, World


@pytest.fixture(autouse=True)
def _balanced(lab: World, runner: Person) -> Iterator[None]:
    """Whatever happens: the sum of the account's entries is its balance, and each run ended once."""
    yield
    until(lambda: {state for state, _ in states(lab, runner)} <= {"settled", "refunded"})
    assert not [fault for fault in lab.read(credits.verify)[1] if runner.email in fault]


@pytest.fixture(scope="module")
def quota_lab(lab_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With a tier of one run in a month."""
    folder = tmp_path_factory.mktemp("quotas")
    tiers = {"free": {}, "tiny": {"monthly_skill_calls": 1}}
    with laboratory(folder / "data", None, lab_registry, credits={"tiers": tiers}) as made:
        yield made
        assert_balanced(made)


def kinds(lab: World, person: Person) -> list[tuple[str, int, str]]:
    """(kind, amount, note) of what was booked for runs."""
    entry = credit_entries.c
    query = select(entry.kind, entry.amount, entry.note).where(
        entry.user_id == person.id, entry.kind.like("run%")
    )
    return [tuple(row) for row in lab.read(lambda db: db.execute(query.order_by(entry.number)).all())]


def test_a_run_is_paid_before_and_named_in_the_ledger(lab: World, runner: Person) -> None:
    """4.4: kind, slug, amount, balance after, id of the run."""
    result = done(runner, "echo.py")
    (entry,) = [
        row
        for row in runner.get("/api/v1/account/credits").json()["data"]["transactions"]
        if row["kind"] == "run"
    ]
    assert (entry["slug"], entry["amount"], entry["balance_after"], entry["reference"]) == (
        "kit", -PRICE, 100 - PRICE, result["run_id"],
    )  # fmt: skip
    assert states(lab, runner) == [("settled", None)]


def test_too_few_credits(lab: World, runner: Person) -> None:
    """7.4: 402, and nothing has happened."""
    shelf.set_user(lab, runner, balance=PRICE - 1)
    answer = run(runner, "echo.py")
    assert error(answer) == (402, "insufficient_credits")
    assert answer.json()["error"]["required"] == PRICE
    assert states(lab, runner) == []
    assert runner.get(SESSIONS).json()["data"]["sessions"] == []
    shelf.set_user(lab, runner, balance=100)


def test_script_that_fails_is_paid(lab: World, runner: Person) -> None:
    done(runner, "fail.sh")
    assert kinds(lab, runner) == [("run", -PRICE, "")]


@pytest.mark.parametrize(
    ("options", "account", "whose"),
    [
        (KeyOptions(monthly_execution_quota=1), {}, "this key"),
        (KeyOptions(), {"tier": "tiny"}, "'tiny'"),
    ],
)
def test_monthly_quotas(quota_lab: World, options: KeyOptions, account: dict[str, Any], whose: str) -> None:
    """7.4: quota_exceeded, with the time until the next month; 3.2, 4.1."""
    person = quota_lab.person(options=options, **account)
    person.post("/api/v1/drive/import", json={"skillSlug": "kit"})
    assert done(person, "fail.sh")["exit_code"] == 3
    answer = run(person, "echo.py")
    assert error(answer) == (429, "quota_exceeded")
    assert whose in answer.json()["error"]["message"]
    assert 1 <= int(answer.headers["retry-after"]) <= 31 * 24 * 3600
    assert len(kinds(quota_lab, person)) == 1
    quota_lab.write(
        lambda db: (
            db.execute(update(users).where(users.c.id == person.id).values(skill_calls_month="2020-01"))
            and db.execute(
                update(api_keys).where(api_keys.c.owner_id == person.id).values(usage_month="2020-01")
            )
            and None
        )
    )
    assert done(person, "echo.py")["exit_code"] == 0


def test_staff_has_no_monthly_limit(quota_lab: World) -> None:
    """Row 28."""
    person = quota_lab.person(tier="tiny", role="moderator")
    person.post("/api/v1/drive/import", json={"skillSlug": "kit"})
    for _ in range(3):
        done(person, "fail.sh")
    shown = person.get("/api/v1/account/credits").json()["data"]
    assert (shown["monthly_skill_calls"], shown["monthly_skill_call_limit"]) == (3, "unlimited")


def test_idempotency_key(lab: World, runner: Person) -> None:
    """2.5: one run, one price, the same answer; another call with the key is refused."""
    key = {"Idempotency-Key": "first"}
    first = run(runner, "keep.py", "a", headers=key)
    again = run(runner, "keep.py", "a", headers=key)
    assert (first.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert error(run(runner, "keep.py", "b", headers=key)) == (409, "idempotency_key_reused")
    assert kinds(lab, runner) == [("run", -PRICE, "")]


def test_key_whose_answer_is_forgotten_is_a_new_one(lab: World, runner: Person) -> None:
    """Answers are kept for some days; then the key means nothing any more."""
    key = {"Idempotency-Key": "old"}
    done(runner, "echo.py", headers=key)
    old = delete(idempotency_keys).where(idempotency_keys.c.user_id == runner.id)
    lab.write(lambda db: db.execute(old) and None)
    done(runner, "echo.py", headers=key)
    assert len(kinds(lab, runner)) == 2


def test_records_of_runs_are_kept_for_a_time(lab: World, runner: Person) -> None:
    """`runs.keep_days`; what goes on stays, and so does the ledger."""
    session = done(runner, "echo.py")["sessionId"]
    assert runner.delete(f"{SESSIONS}/{session}").status_code == 200
    going = forgotten(lab, runner, 600_000)
    lab.write(
        lambda db: db.execute(update(runs).where(runs.c.user_id == runner.id).values(lease_until=1)) and None
    )
    closed = update(run_sessions).where(run_sessions.c.id == session).values(closed_at=1)
    lab.write(lambda db: db.execute(closed) and None)
    until(lambda: dict(states_by_id(lab, runner))[going] == "refunded")
    assert lab.write(lambda db: run_ledger.forget(db, 2, 100)) == 2
    assert lab.write(lambda db: run_sessions_book.forget(db, 2, 100)) == 1
    assert states(lab, runner) == []
    assert len(kinds(lab, runner)) == 2


def test_two_at_once_with_one_key(lab: World, runner: Person) -> None:
    key = {"Idempotency-Key": "both"}
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(run, runner, "wait.py", "1", headers=key)
        until_busy(runner)
        second = run(runner, "wait.py", "1", headers=key)
        assert error(second) == (409, "idempotency_in_progress")
        assert second.headers["retry-after"] == "2"
        assert run_after(runner, first, key).content == first.result().content
    assert kinds(lab, runner) == [("run", -PRICE, "")]


def run_after(runner: Person, first: Any, key: dict[str, str]) -> Any:
    first.result()
    return run(runner, "wait.py", "1", headers=key)


def test_key_of_a_refused_run_can_be_used_again(lab: World, runner: Person) -> None:
    """What was not charged was not answered for good."""
    key = {"Idempotency-Key": "again"}
    shelf.set_user(lab, runner, balance=0)
    assert error(run(runner, "echo.py", headers=key)) == (402, "insufficient_credits")
    shelf.set_user(lab, runner, balance=100)
    assert run(runner, "echo.py", headers=key).status_code == 200


def test_client_that_leaves_a_script_that_has_begun_pays(lab: World, runner: Person) -> None:
    """docs/runs.md: the script had begun; it is stopped, and charged once."""
    key = {"Idempotency-Key": "left"}
    leave(lab, runner, "wait.py", "61", headers=key)
    until(lambda: states(lab, runner) == [("settled", "client_gone")])
    assert kinds(lab, runner) == [("run", -PRICE, "")]
    assert not scripts_of_runs("wait.py", "61")
    again = run(runner, "wait.py", "61", headers=key)
    assert error(again) == (409, "run_cancelled")
    assert again.json()["error"]["credits_charged"] == PRICE


def leave(lab: World, person: Person, script: str, *args: str, **more: Any) -> None:
    """Begin a run, and go away as soon as it is under way."""
    headers = {"authorization": f"Bearer {person.key}", **more.pop("headers", {})}
    with httpx2.Client(base_url=lab.url, headers=headers, trust_env=False, timeout=0.7) as client:
        body = {"skillSlug": "kit", "scriptName": script, "args": list(args), **more}
        with pytest.raises(httpx2.ReadTimeout):
            client.post(RUNS, json=body)


def test_client_that_leaves_the_queue_pays_nothing(lab: World, runner: Person) -> None:
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(run, runner, "wait.py", "2") for _ in range(2)]
        until(lambda: lab.app.context.runs.parts.turns.running[runner.id] == 2)
        leave(lab, runner, "echo.py")
        assert [answer.result().status_code for answer in both] == [200, 200]
    assert [state for state, _ in states(lab, runner)] == ["settled", "settled"]
    assert lab.app.context.runs.parts.turns.waiting == 0


def test_session_closed_under_a_script(lab: World, runner: Person) -> None:
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(run, runner, "wait.py", "62")
        session = until_busy(runner)
        until(lambda: bool(scripts_of_runs("wait.py", "62")))
        assert runner.delete(f"{SESSIONS}/{session}").status_code == 200
        assert error(answer.result()) == (409, "run_cancelled")
    assert states(lab, runner) == [("settled", "session_closed")]
    assert runner.get(SESSIONS).json()["data"]["sessions"] == []


def test_lease_of_a_server_that_is_gone_is_refunded(lab: World, runner: Person) -> None:
    """D11: only an expired lease is settled by somebody else, and by a refund."""
    late, alive = forgotten(lab, runner, -1), forgotten(lab, runner, 600_000)
    until(lambda: dict(states_by_id(lab, runner))[late] == "refunded")
    assert dict(states_by_id(lab, runner)) == {late: "refunded", alive: "reserved"}
    assert kinds(lab, runner) == [("run_refund", PRICE, "server_lost")]
    lab.write(lambda db: db.execute(update(runs).where(runs.c.id == alive).values(lease_until=1)) and None)
    until(lambda: dict(states_by_id(lab, runner))[alive] == "refunded")
    assert balance(lab, runner) == 100 + 2 * PRICE


def forgotten(lab: World, person: Person, lease: int) -> str:
    """A run that another process had begun, with that much of its lease left; its price was not taken."""
    now, run_id = lab.clock(), new_id()
    key = select(api_keys.c.id).where(api_keys.c.owner_id == person.id).limit(1).scalar_subquery()
    row = {
        "id": run_id, "user_id": person.id, "session_id": new_id(), "process": new_id(), "skill_id": new_id(),
        "slug": "kit", "ordinal": 1, "sha256": "0" * 64, "script": "x.py", "minutes": 5, "price": PRICE,
        "month": "2026-11", "state": "reserved", "created_at": now, "lease_until": now + lease,
    }  # fmt: skip
    lab.write(lambda db: db.execute(insert(runs).values(key_id=key, **row)) and None)
    return run_id


def states_by_id(lab: World, person: Person) -> list[tuple[str, str]]:
    query = select(runs.c.id, runs.c.state).where(runs.c.user_id == person.id)
    return [tuple(row) for row in lab.read(lambda db: db.execute(query).all())]


def test_flood_of_many_accounts(lab: World) -> None:
    """Concurrency: everybody gets an answer, and the books are right."""
    people = [scientist(lab, "kit") for _ in range(4)]
    calls = [(person, script) for person in people for script in ("echo.py", "fail.sh", "keep.py") * 2]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda call: (call[0], run(*call, "x")), calls))
    for person in people:
        mine = [answer for who, answer in answers if who is person]
        paid = [answer for answer in mine if answer.status_code == 200]
        assert {answer.status_code for answer in mine} <= {200, 429, 503}
        assert balance(lab, person) == 100 - PRICE * len(paid)
        assert len(kinds(lab, person)) == len(paid)
        assert len(paid) >= 2
