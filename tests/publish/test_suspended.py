"""Publisher A falls asleep between any two of its requests, B publishes to its end, A wakes up.

A gets no answer to its n-th request, and nothing that it sends after that arrives, until B is done. Its clock
has moved on by then, as that of a machine which slept. For every n: what B published stays whole and unmixed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from content_repo import Repo
from publish.proxy import Fault, Proxy, Seen
from publish.world import NOW, Bucket, Clock, dangling, only_adds_addresses, promised, publish

from registry_builder.core.errors import Busy
from registry_builder.core.tree import decode_pointer
from registry_builder.publish import LEASE, Published
from registry_builder.store.s3 import PROBE, Patience, S3Store

EMIT = ("claude", "npm", "sx")
LATER = NOW + LEASE + timedelta(seconds=1)
PATIENT = Patience(attempts=2, connect_seconds=30, read_seconds=60)


def asleep_after(number: int) -> Fault:
    def fault(seen: Seen) -> str | None:
        return "sleep" if seen.number == number else "asleep" if seen.number > number else None

    return fault


def moved_on(repo: Repo) -> None:
    """B has a later commit."""
    repo.skill("alpha", "Do something else again.")
    repo.skill("epsilon")
    repo.commit()


def taken_back(repo: Repo) -> None:
    """B has a later commit that reverts A's."""
    repo.skill("alpha")
    repo.commit()


@dataclass(slots=True)
class Duel:
    """One bucket, A behind the proxy and B beside it; `before` is what the bucket holds when A begins."""

    bucket: Bucket
    proxy: Proxy
    repo: Repo
    place: Path
    before: Mapping[str, bytes]
    ends: Counter[str] = field(default_factory=Counter)

    def at(self, number: int, mine: str, theirs: str) -> bool:
        """A, of the commit `mine`, sleeps after its `number`-th request; False when it ends before."""
        clock = Clock(NOW)
        self.bucket.restore(self.before)
        self.proxy.reset(asleep_after(number))
        with ThreadPoolExecutor(1) as pool:
            a = pool.submit(publish, self._behind(), self.repo, "A", clock, rev=mine, emit=EMIT)
            a.add_done_callback(lambda _: self.proxy.slept.set())
            assert self.proxy.slept.wait(timeout=60)
            if a.done():
                a.result()
                return False
            try:
                asleep = self.bucket.objects()
                publish(self.bucket.store(), self.repo, "B", Clock(LATER), rev=theirs, emit=EMIT)
                b = self.bucket.objects()
            finally:
                clock.time = LATER + timedelta(seconds=30)
                self.proxy.wake()
            self._judge(number, a, done=_ended(asleep, self.before))
        self.proxy.drain()
        self._same_release(number, b, theirs)
        return True

    def _behind(self) -> S3Store:
        return self.bucket.store(self.proxy.url, patience=PATIENT)

    def _judge(self, number: int, a: Future[Published | None], *, done: bool) -> None:
        error = a.exception(timeout=60)
        if done:
            assert error is None, f"asleep after request {number}"
            self.ends["had ended"] += 1
            return
        assert isinstance(error, Busy), f"asleep after request {number}: {error!r}"
        assert error.mend
        self.ends[error.code] += 1

    def _same_release(self, number: int, b: Mapping[str, bytes], theirs: str) -> None:
        """That the bucket holds what B left, and perhaps addresses of bytes that nothing refers to."""
        now = self.bucket.objects()
        assert now["release.json"] == b["release.json"]
        assert decode_pointer(now["release.json"]).commit == theirs
        kept = {key: body for key, body in b.items() if not key.startswith(PROBE)}
        assert only_adds_addresses(now, kept), f"asleep after request {number}"
        promised(now)
        assert dangling(b, self.place / str(number)) == []


def _ended(asleep: Mapping[str, bytes], before: Mapping[str, bytes]) -> bool:
    """Whether A has ended its release by now."""
    then, now = (decode_pointer(objects["release.json"]) for objects in (before, asleep))
    return now.complete and now.generation > then.generation


@pytest.mark.slow
@pytest.mark.parametrize("b", [moved_on, taken_back], ids=lambda edit: edit.__name__)
def test_a_publisher_that_slept_anywhere_is_stopped_and_mixes_nothing(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, b: Callable[[Repo], None]
) -> None:
    repo = Repo.init(tmp_path / "content")
    repo.skill("alpha")
    repo.commit()
    publish(bucket.store(), repo, emit=EMIT)
    repo.skill("alpha", "Do the work better.")
    mine = repo.commit()
    b(repo)
    theirs = repo.git("rev-parse", "HEAD")
    (tmp_path / "states").mkdir()
    duel = Duel(bucket, proxy, repo, tmp_path / "states", bucket.objects())
    points = next(number for number in count() if not duel.at(number + 1, mine, theirs))
    print(f"\nA asleep after each of {points} requests, then B ({b.__name__}): {dict(duel.ends)}")
    assert duel.ends["had ended"] <= 1
