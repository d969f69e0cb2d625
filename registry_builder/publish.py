"""Plan, apply, finish: the only module that writes a bucket (DESIGN.md section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from msgspec import UNSET
from msgspec.structs import replace

from registry_builder import BUILDER
from registry_builder.core.errors import Busy
from registry_builder.core.key import KeyClass, classify, digest, node_key
from registry_builder.core.ledger import encode
from registry_builder.core.revoked import Revoked
from registry_builder.core.tree import Pin, Pins, Pointer, Record, pin, write_rank
from registry_builder.crowd import Crowd
from registry_builder.foreign import is_taken, refuse_foreign, refuse_taken
from registry_builder.previous import POINTER_KEY, Previous
from registry_builder.spool import Spool
from registry_builder.store.base import Store

if TYPE_CHECKING:
    from registry_builder.release import Release
    from registry_builder.settings import Settings

LEASE = timedelta(minutes=15)
_BATCH = 512
_ALWAYS_OURS = (KeyClass.IMMUTABLE, KeyClass.FROZEN)


@dataclass(frozen=True, slots=True)
class Change:
    """A key to write: `allowed` are the digests that it may have now, none of them meaning absent."""

    key: str
    pin: Pin
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What apply will write, in order. Nothing is ever deleted by it."""

    changes: tuple[Change, ...]
    nodes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(change.pin.size for change in self.changes)


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it. `healed` are immutable and frozen keys that held other bytes."""

    pointer: Pointer
    written: int
    healed: tuple[str, ...]


class Tick(Protocol):
    """Told of each thing that is done: what it is, and its bytes where those count."""

    def __call__(self, what: str, size: int = 0, /) -> None: ...


def in_force(settings: Settings, revoked: Revoked) -> str:
    """Digest of all that decides a release besides its commit, the ledger and the builder."""
    return digest(encode([settings.sha256, revoked]))


def is_noop(previous: Previous, commit: str, settings: Settings) -> bool:
    """Whether the bucket already holds exactly this: same commit, builder and settings, nothing open."""
    pointer = previous.pointer
    return (
        pointer is not None
        and pointer.complete
        and (pointer.commit, pointer.builder, pointer.settings)
        == (commit, BUILDER, in_force(settings, previous.revoked))
    )


def plan(release: Release, previous: Previous) -> Plan:
    """The keys of `release` that the bucket does not pin yet, or that a dead publisher may have left half."""
    forced = previous.to_finish()
    changes: list[tuple[bool, tuple[int, int], Change]] = []
    for name, pins in release.changed.items():
        keys = [item.keys for view in previous.views if (item := view.pins(name))]
        gone = release.documents[name].current is None
        for change in _changes(pins.keys, keys, whole=name in forced):
            # What no list names any more goes after the lists: until then they still name it.
            late = gone and classify(change.key) is KeyClass.INDEX
            changes.append((late, write_rank(change.key), change))
    spans = [view.span.keys for view in previous.views if view.span]
    across = _changes(release.span.keys, spans, whole=previous.rewrite)
    pasts = [view.history.keys for view in previous.views if view.history]
    told = _changes(release.telling.made, pasts, whole=True)
    changes += [(False, write_rank(change.key), change) for change in (*across, *told)]
    known_roots = {view.root_sha256 for view in previous.views}
    ordered = tuple(change for *_, change in sorted(changes, key=lambda row: (*row[:2], row[2].key)))
    return Plan(ordered, () if release.root in known_roots else release.nodes)


def _changes(new: Pins, known: list[Pins], *, whole: bool) -> Iterable[Change]:
    for key, item in new.items():
        allowed = frozenset(pins[key].sha256 for pins in known if key in pins)
        if whole or allowed != {item.sha256}:
            yield Change(key, item, allowed)


@dataclass(slots=True)
class Publisher:
    """One publisher of one release. `now` gives the time of the record and of leases, `who` names us.

    With `reconcile`, a mutable key that somebody else wrote is written over and reported, not refused.
    The generation is higher than `after` in any case.
    """

    store: Store
    spool: Spool
    previous: Previous
    settings: Settings
    who: str
    now: Callable[[], datetime]
    tick: Tick = lambda _what, _size=0: None
    reconcile: bool = False
    after: int = 0
    _tag: str = ""
    _opened: Pointer | None = None
    _half: datetime = field(init=False)
    _fresh: bool = False
    _asking: Lock = field(default_factory=Lock)

    def apply(self, release: Release, plan: Plan) -> Published:
        """Write what `plan` says and swap the pointer. Raises Busy, Foreign, Trouble; then run again."""
        opened = self._open(release)
        first = [change for change in plan.changes if write_rank(change.key) < (0, 1)]
        with Crowd(self.store.parallel) as crowd:
            healed = self._write(first, crowd)
            crowd.each(self._put_node, plan.nodes[:-1])
            crowd.each(self._put_node, plan.nodes[-1:])
            healed += self._write(plan.changes[len(first) :], crowd)
        return Published(self._complete(release, opened), len(plan.changes), tuple(healed))

    def _open(self, release: Release) -> Pointer:
        self.store.prepare()
        before = self.previous.pointer
        if before and not before.complete:
            self._refuse_living(before)
        begun = [view.root_sha256 for view in self.previous.begun]
        now = self.now()
        pointer = Pointer(
            generation=max(before.generation if before else 0, self.after) + 1,
            state="open",
            commit=release.commit.id,
            root=release.root,
            previous=before.readable_root if before else None,
            record=before.record if before else None,
            skills=release.skills,
            versions=release.versions,
            builder=BUILDER,
            settings=in_force(self.settings, self.previous.revoked),
            owner=self.who,
            lease_until=_stamp(now + LEASE),
            begun=tuple(root for root in begun if root and root != release.root) or UNSET,
        )
        expected = digest(encode(before)) if before else ""
        self._tag = self.store.put(POINTER_KEY, encode(pointer), expect=self._current_tag(expected))
        self._opened, self._half, self._fresh = pointer, now + LEASE / 2, True
        return pointer

    def _refuse_living(self, pointer: Pointer) -> None:
        if not self.store.exclusive and (pointer.lease_until or "") > _stamp(self.now()):
            raise Busy(
                "being-published",
                f"{pointer.owner} is publishing generation {pointer.generation}",
                place=POINTER_KEY,
                mend=f"wait; its lease ends at {pointer.lease_until}",
            )

    def _current_tag(self, expected: str) -> str:
        """The pointer's tag, if it still says what this build was made from."""
        tag = self.store.tag(POINTER_KEY)
        if tag is None:
            return ""
        if (tag.sha256 or digest(self.store.get(POINTER_KEY))) != expected:
            raise Busy("overtaken", "somebody else published meanwhile", place=POINTER_KEY, mend="run again")
        return tag.value

    def _write(self, changes: Sequence[Change], crowd: Crowd) -> list[str]:
        """Write `changes` rank by rank, many at once within one; gives the keys that held other bytes."""
        healed: list[str] = []
        for _, ranked in groupby(changes, key=lambda change: write_rank(change.key)):
            for batch in _batches(ranked):
                if not self._fresh:
                    self._still_ours()
                self._fresh = False
                healed += [key for key in crowd.each(self._write_one, batch) if key]
        return healed

    def _write_one(self, change: Change) -> str | None:
        """Write a key that does not hold its bytes yet; gives it when it held some that are not ours."""
        self.tick("written", change.pin.size)
        if not change.allowed:
            self._keep_lease()
            try:
                self.store.put(change.key, self.spool.get(change.key), expect="")
            except Busy:
                return self._write_over(change)
            return None
        return self._write_over(change)

    def _write_over(self, change: Change) -> str | None:
        tag = self.store.tag(change.key)
        told = tag and change.key not in self.previous.holes.harmed and tag.sha256
        there = None if tag is None else told or digest(self.store.get(change.key))
        if there == change.pin.sha256:
            return None
        foreign = there is not None and there not in change.allowed
        if foreign and not self.reconcile and is_taken(change.key, self.previous.view):
            self._still_ours()
            refuse_taken(change.key)
        if foreign and classify(change.key) not in _ALWAYS_OURS:
            if not self.reconcile and there not in self.previous.once_pinned(change.key):
                self._still_ours()
                refuse_foreign(change.key)
            foreign = self.reconcile
        self._keep_lease()
        self.store.put(change.key, self.spool.get(change.key), expect=tag.value if tag else "")
        return change.key if foreign else None

    def _put_node(self, key: str) -> None:
        """Write a node, unless it is there; one with other bytes is written over."""
        self._keep_lease()
        try:
            self.store.put(key, self.spool.get(key), expect="")
        except Busy:
            if digest(self.store.get(key)) != key.removeprefix("r/"):
                self.store.put(key, self.spool.get(key))

    def _keep_lease(self) -> None:
        """Ask again who publishes once half of our lease has passed: we may have slept."""
        if not self.store.exclusive and self.now() > self._half:
            self._still_ours()

    def _still_ours(self) -> None:
        """Raises Busy when another publisher took over. Makes our lease longer when half of it has passed."""
        if self.store.exclusive or not self._opened:
            return
        with self._asking:
            tag = self.store.tag(POINTER_KEY)
            if tag is None or tag.value != self._tag:
                raise Busy("overtaken", "another publisher took over", place=POINTER_KEY, mend="run again")
            now = self.now()
            if now > self._half:
                self._opened = replace(self._opened, lease_until=_stamp(now + LEASE))
                self._half = now + LEASE / 2
                self._tag = self.store.put(POINTER_KEY, encode(self._opened), expect=self._tag)

    def _complete(self, release: Release, opened: Pointer) -> Pointer:
        record = Record(
            generation=opened.generation,
            root=release.root,
            commit=release.commit.id,
            who=self.who,
            when=_stamp(self.now()),
            minted=release.minted,
            removed=release.removed,
            previous=opened.record,
        )
        body = encode(record)
        sha256 = pin(body).sha256
        self.spool.add(node_key(sha256), body)
        self._put_node(node_key(sha256))
        if not self.store.conditional:
            self._still_ours()
        pointer = replace(
            opened, state="complete", record=sha256, owner=UNSET, lease_until=UNSET, begun=UNSET
        )
        self.store.put(POINTER_KEY, encode(pointer), expect=self._tag)
        return pointer


def _batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    rest = iter(changes)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
