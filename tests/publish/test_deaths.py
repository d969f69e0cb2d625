"""Publishers on S3 that die at their n-th request, for every n: readers lose nothing, the next run finishes.

The connection to the server is cut at that request and stays so. A publish, a rollback and a prune die so;
what is checked of each bucket left behind is what clients follow. `tests/build/test_faults.py` has the same
for every write, with the default emitters and with all.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from content_repo import BASE_URL, COMMAND, Repo, environment
from publish.proxy import Fault, Proxy, Seen
from publish.world import NOW, Bucket, Clock, dangling, only_adds_addresses, promised, publish, roll_back

from registry_builder.core.errors import Trouble
from registry_builder.emit.table import EMITTERS
from registry_builder.previous import Previous
from registry_builder.prune import delete, prunable
from registry_builder.publish import LEASE
from registry_builder.store.base import Store
from registry_builder.store.memory import MemoryStore
from registry_builder.store.s3 import Patience

EMIT = ("claude", "npm", "sx")
LATER = Clock(NOW + LEASE + timedelta(seconds=1))
IMPATIENT = Patience(attempts=1, connect_seconds=5, read_seconds=30)
Act = Callable[[Store], object]


def dead_from(number: int) -> Fault:
    return lambda seen: "cut" if seen.number >= number else None


def killed_at(number: int, running: Sequence[subprocess.Popen[bytes]]) -> Fault:
    def fault(seen: Seen) -> str | None:
        if seen.number == number:
            running[0].kill()
        return "cut" if seen.number >= number else None

    return fault


@dataclass(slots=True)
class Table:
    """Every death of one act on a bucket; `ends`: what one left behind → what the next run made of it."""

    bucket: Bucket
    proxy: Proxy
    place: Path
    before: Mapping[str, bytes] = field(default_factory=dict)
    points: int = 0
    requests: int = 0
    ends: dict[frozenset[tuple[str, bytes]], dict[str, bytes]] = field(default_factory=dict)

    def run(self, act: Act, again: Act, step: int = 1) -> None:
        """Kill `act` at every `step`-th of its requests, look at what is there, and let `again` end it."""
        self.before = self.bucket.objects()
        while self._dies(act, self.requests + 1):
            self.requests += step
            self.points += 1
            left = self.bucket.objects()
            state = frozenset(left.items())
            if state not in self.ends:
                self._look(left)
                self.ends[state] = self._ended(again, left)
                self._look(self.ends[state])

    def _dies(self, act: Act, number: int) -> bool:
        self.bucket.restore(self.before)
        self.proxy.reset(dead_from(number))
        died = False
        try:
            act(self.bucket.store(self.proxy.url, patience=IMPATIENT))
        except Trouble:
            died = True
        self.proxy.drain()
        assert died == (self.proxy.hits["cut"] > 0)
        return died

    def _ended(self, again: Act, left: Mapping[str, bytes]) -> dict[str, bytes]:
        """What `again` makes of it: over the wire every tenth time, else on the same bytes in memory."""
        if len(self.ends) % 10 == 0:
            again(self.bucket.store())
            return self.bucket.objects()
        memory = MemoryStore(exclusive=False)
        memory.objects = dict(left)
        again(memory)
        return memory.objects

    def _look(self, objects: Mapping[str, bytes]) -> None:
        if not only_adds_addresses(objects, self.before):
            self.place.mkdir(exist_ok=True)
            assert dangling(objects, self.place / str(self.points)) == [], f"died at request {self.requests}"

    def say(self, what: str) -> None:
        """How many points there were."""
        print(f"\n{what}: died at {self.points} requests, {len(self.ends)} different buckets left")


@pytest.fixture
def table(bucket: Bucket, proxy: Proxy, tmp_path: Path) -> Table:
    return Table(bucket, proxy, tmp_path / "states")


@pytest.fixture
def one(tmp_path: Path) -> Repo:
    """A repository with one skill."""
    repo = Repo.init(tmp_path / "content")
    repo.skill("alpha")
    repo.commit()
    return repo


@pytest.mark.slow
def test_a_publish_that_dies_anywhere_is_finished_by_the_next(one: Repo, table: Table) -> None:
    publish(table.bucket.store(), one, emit=EMIT)
    one.skill("alpha", "Do the work better.")
    one.skill("gamma")
    one.commit()
    table.run(
        lambda store: publish(store, one, emit=EMIT),
        lambda store: publish(store, one, clock=LATER, emit=EMIT),
    )
    table.say("publish")
    whole = [promised(end) for end in table.ends.values()]
    assert whole == whole[:1] * len(whole)


@pytest.mark.slow
def test_a_publish_with_every_emitter_that_dies_is_finished_by_the_next(one: Repo, table: Table) -> None:
    """At every fifth request: `tests/build/test_faults.py` has each write."""
    every = tuple(EMITTERS)
    publish(table.bucket.store(), one, emit=every)
    one.skill("alpha", "Do the work better.")
    one.commit()
    table.run(
        lambda store: publish(store, one, emit=every),
        lambda store: publish(store, one, clock=LATER, emit=every),
        step=5,
    )
    table.say("publish with every emitter")
    whole = [promised(end) for end in table.ends.values()]
    assert whole == whole[:1] * len(whole)


@pytest.mark.slow
def test_a_rollback_that_dies_anywhere_is_finished_by_another(one: Repo, table: Table) -> None:
    publish(table.bucket.store(), one, emit=EMIT)
    one.skill("alpha", "Do harm.")
    one.commit()
    publish(table.bucket.store(), one, emit=EMIT)
    table.run(
        lambda store: roll_back(store, one, 1, emit=EMIT),
        lambda store: roll_back(store, one, 1, emit=EMIT, clock=LATER),
    )
    table.say("rollback")
    whole = [promised(end) for end in table.ends.values()]
    assert whole == whole[:1] * len(whole)


def test_a_prune_that_dies_anywhere_is_finished_by_the_next(one: Repo, table: Table) -> None:
    for text in ("Do it.", "Do it well.", "Do it better."):
        one.skill("alpha", text)
        one.commit()
        publish(table.bucket.store(), one, emit=EMIT)

    def prune(store: Store) -> None:
        with store:
            previous = Previous(store)
            delete(store, previous, prunable(previous, 2))

    table.run(prune, prune)
    table.say("prune")
    ends = list(table.ends.values())
    assert ends == ends[:1] * len(ends)
    assert len(ends[0]) < len(table.before)
    assert promised(ends[0]) == promised(table.before)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.8, 1.0])
def test_a_process_that_is_killed_is_finished_by_the_next(
    one: Repo, bucket: Bucket, proxy: Proxy, tmp_path: Path, share: float
) -> None:
    publish(bucket.store(), one, emit=EMIT)
    before = bucket.objects()
    one.skill("alpha", "Do the work better.")
    one.commit()
    publish(bucket.store(proxy.url), one, emit=EMIT)
    whole, count = promised(bucket.objects()), len(proxy.seen)
    bucket.restore(before)
    running: list[subprocess.Popen[bytes]] = []
    proxy.reset(killed_at(max(1, int(share * count)), running))
    words = ["publish", "-C", str(one.path), "--to", f"s3://{bucket.name}/reg?endpoint_url={proxy.url}"]
    flags = ["--base-url", BASE_URL, "--emit", ",".join(EMIT)]
    running.append(subprocess.Popen([*COMMAND, *words, *flags], env=environment()))
    assert running[0].wait(timeout=60) == -signal.SIGKILL
    proxy.drain()
    left = bucket.objects()
    assert only_adds_addresses(left, before) or dangling(left, tmp_path / "state") == []
    publish(bucket.store(), one, clock=Clock(datetime.now(UTC) + 2 * LEASE), emit=EMIT)
    assert promised(bucket.objects()) == whole
