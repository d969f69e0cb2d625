"""Whatever happens to a drive, its ledger adds up: a model of both, driven by Hypothesis (issue 5, D11)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from dynamic_api.database.tables import users
from dynamic_api.errors import Unpaid
from dynamic_api.services import credits
from tests.api import shelf
from tests.api.world import Person, World, world

SLUGS = ("pdf-tools", "release-helper", "text-facts")
IMPORT, ACCEPT, GRANT, ROOM = 2, 1, 5, 2
PRICES = {
    "initial_grant": GRANT,
    "import_cost_public": IMPORT,
    "update_accept_cost": ACCEPT,
    "tiers": {"free": {"drive_max": ROOM}},
}
slugs, amounts = st.sampled_from(SLUGS), st.integers(0, 4)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """Dear imports, little money, and a drive for two."""
    folder = tmp_path_factory.mktemp("shop")
    with world(folder / "data", None, {"credits": PRICES}, registry) as made:
        yield made


class Shop(RuleBasedStateMachine):
    """An account, and what it should have: `held` is slug → version, `moved` every amount in order."""

    def __init__(self, api: World) -> None:
        super().__init__()
        self.api = api
        self.person: Person = api.person()
        self.held: dict[str, int] = {}
        self.moved: list[tuple[str, int]] = [("grant", GRANT)]
        self.numbers = itertools.count()
        self.last: tuple[str, str, Any] | None = None

    @property
    def balance(self) -> int:
        return sum(amount for _, amount in self.moved)

    def newest(self, slug: str) -> int:
        return 2 if slug == "pdf-tools" else 1

    def post(self, path: str, body: dict[str, str]) -> Any:
        """A call that costs, with a key of its own; remembered, so that it can be repeated."""
        key = f"{self.person.id} {next(self.numbers)}"
        answer = self.person.post(path, json=body, headers={"Idempotency-Key": key})
        if answer.status_code < 300:
            self.last = (path, key, (body, answer))
        return answer

    @rule(slug=slugs)
    def take(self, slug: str) -> None:
        answer = self.post("/api/v1/drive/import", {"skillSlug": slug})
        if slug in self.held:
            assert shelf.error(answer) == (409, "already_in_drive")
        elif len(self.held) >= ROOM:
            assert shelf.error(answer) == (402, "quota_exceeded")
        elif self.balance < IMPORT:
            assert shelf.error(answer) == (402, "insufficient_credits")
        else:
            assert answer.status_code == 201
            self.held[slug] = self.newest(slug)
            self.moved.append(("import", -IMPORT))
            assert answer.json()["data"]["balance"] == self.balance

    @rule(slug=slugs)
    def remove(self, slug: str) -> None:
        answer = self.person.delete(f"/api/v1/drive/{slug}")
        assert answer.status_code == (200 if self.held.pop(slug, None) else 404)

    @precondition(lambda self: "pdf-tools" in self.held)
    @rule()
    def fall_behind(self) -> None:
        shelf.pin(self.api, self.person, "pdf-tools", 1)
        self.held["pdf-tools"] = 1

    @rule(slug=slugs)
    def accept(self, slug: str) -> None:
        answer = self.post(f"/api/v1/drive/updates/{slug}/accept", {})
        if self.held.get(slug, self.newest(slug)) == self.newest(slug):
            assert answer.status_code == 404
        elif self.balance < ACCEPT:
            assert shelf.error(answer) == (402, "insufficient_credits")
        else:
            assert answer.status_code == 200
            self.held[slug] = self.newest(slug)
            self.moved.append(("update_accept", -ACCEPT))

    @precondition(lambda self: self.last is not None)
    @rule()
    def repeat(self) -> None:
        path, key, (body, first) = self.last
        again = self.person.post(path, json=body, headers={"Idempotency-Key": key})
        assert again.content == first.content

    @rule(amount=amounts, kind=st.sampled_from(("grant", "refund")))
    def give(self, amount: int, kind: str) -> None:
        now = self.api.clock()
        self.api.write(lambda db: credits.credit(db, self.person.id, amount, kind, now=now))
        if amount:
            self.moved.append((kind, amount))

    @rule(amount=amounts)
    def spend(self, amount: int) -> None:
        now = self.api.clock()

        def work(db: Any) -> None:
            credits.debit(db, self.person.id, amount, "run", now=now)

        if amount > self.balance:
            with pytest.raises(Unpaid):
                self.api.write(work)
        else:
            self.api.write(work)
            if amount:
                self.moved.append(("run", -amount))

    @rule(slug=slugs)
    def fail_after_the_charge(self, slug: str) -> None:
        """A transaction that is undone takes its entry with it."""

        class BrokenError(Exception):
            pass

        def work(db: Any) -> None:
            credits.debit(db, self.person.id, min(1, self.balance), "import", now=1, slug=slug)
            raise BrokenError

        with pytest.raises(BrokenError):
            self.api.write(work)

    @invariant()
    def the_ledger_adds_up(self) -> None:
        found = shelf.entries(self.api, self.person)
        assert [(kind, amount) for _, kind, amount, _ in found] == self.moved
        assert [number for number, *_ in found] == list(range(1, len(found) + 1))
        assert [balance for *_, balance in found] == list(
            itertools.accumulate(amount for _, amount in self.moved)
        )
        assert all(balance >= 0 for *_, balance in found)
        row = self.api.read(
            lambda db: db.execute(
                select(users.c.balance, users.c.entries).where(users.c.id == self.person.id)
            ).one()
        )
        assert tuple(row) == (self.balance, len(found))

    @invariant()
    def nothing_is_delivered_uncharged(self) -> None:
        items = self.person.get("/api/v1/drive").json()["data"]["skills"]
        assert {item["slug"]: item["version"] for item in items} == self.held


def test_ledger_and_drive_keep_to_their_model(shop: World) -> None:
    """D11, 4.4: never negative, numbers without a gap, nothing charged twice, nothing delivered uncharged."""
    run_state_machine_as_test(
        lambda: Shop(shop),
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
