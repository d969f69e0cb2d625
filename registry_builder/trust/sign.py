"""Signs what a bucket holds: releases, snapshot, then the timestamp, which alone makes them count.

Numbered keys are only ever created, so a signer that dies leaves numbers that the next one passes over.
The timestamp is swapped last, by compare-and-swap: until then every client sees what was signed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from registry_builder.core.errors import Busy, Foreign, Missing, Trouble
from registry_builder.core.key import TIMESTAMP_KEY, digest, node_key
from registry_builder.core.revoked import REVOKED_KEY, decode_revoked
from registry_builder.previous import read_pointer
from registry_builder.store.base import Store
from registry_builder.trust.ceremony import Chain
from registry_builder.trust.keyring import Keyring
from registry_builder.trust.live import Live, read_live
from registry_builder.trust.metadata import (
    ONLINE,
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Held,
    is_signed_by,
    keyids_of,
    metadata_key,
    parse,
)

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Signed:
    """What holds now: the signed root node, versions by role, when the timestamp ends, what was written."""

    root: str
    versions: Mapping[str, int]
    until: datetime
    written: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authority:
    """The public files and the private keys of who signs."""

    chain: Chain
    ring: Keyring

    def check(self, now: datetime) -> tuple[str, ...]:
        """Raises Misuse, Trouble when nothing signed `now` could be trusted; gives what will end soon."""
        for role in ONLINE:
            self.ring.demand(self.chain.delegator(role), role)
        notes = []
        for role, held in ((ROOT, self.chain.root), (TARGETS, self.chain.targets)):
            expires = held.signed.expires
            if expires <= now:
                mend = f"skillpress keys renew {role}"
                raise Trouble(f"expired-{role}", f"ended at {expires:%Y-%m-%d %H:%M}Z", place=role, mend=mend)
            if expires - now < SOON:
                notes.append(f"{role} ends on {expires:%Y-%m-%d}; skillpress keys renew {role}")
        return tuple(notes)


def sign(store: Store, authority: Authority, now: datetime, *, renew: bool = False) -> Signed:
    """Sign the newest complete release of `store`; nothing is written when that holds already.

    With `renew` the content stays the one that was signed, and only what ages gets more time.
    Raises Misuse and Trouble of Authority.check, Missing without a release, Foreign for others' metadata,
    Busy when somebody else signed meanwhile; all leave what was signed before in force.
    """
    notes = authority.check(now)
    return _Round(store, authority.chain, authority.ring, now, renew, list(notes)).run()


@dataclass(slots=True)
class _Round:
    store: Store
    chain: Chain
    ring: Keyring
    now: datetime
    renew: bool
    notes: list[str]
    written: list[str] = field(default_factory=list)
    live: Live = field(default_factory=Live)
    published: int = 0
    whole: bool = False

    def run(self) -> Signed:
        self.live = read_live(self.store, self.chain)
        self.published = self._published_root()
        self._refuse_newer()
        wanted = self._wanted()
        releases = self._releases(wanted)
        snapshot = self._snapshot(releases)
        timestamp = self._timestamp(snapshot)
        both = all(self._vouched(role, held) for role, held in self._top(snapshot, timestamp))
        if snapshot is not self.live.snapshot:
            self._freeze(TARGETS, self.chain.targets)
        # Where the root before vouches for all of it as well, clients of either root are served throughout.
        if not both:
            self._put_roots()
        self._swap(timestamp)
        if both:
            self._put_roots()
        versions = {
            ROOT: self.chain.root.version,
            TARGETS: self.chain.targets.version,
            RELEASES: releases.version,
            SNAPSHOT: snapshot.version,
            TIMESTAMP: timestamp.version,
        }
        root = next(path for path in wanted if path != REVOKED_KEY).removeprefix("r/")
        return Signed(root, versions, timestamp.signed.expires, tuple(self.written), tuple(self.notes))

    def _published_root(self) -> int:
        """The newest version of our roots that the bucket has, 0 for none."""
        for root in reversed(self.chain.roots):
            there = self._there(metadata_key(ROOT, root.version))
            if there is not None:
                self.whole = there == self.chain.root.body
                return root.version
        return 0

    def _refuse_newer(self) -> None:
        """Stop where the bucket is ahead of this folder: clients would refuse what it signs."""
        mend = "give the folder with the newest public files; delete the key if none of yours wrote it"
        key = metadata_key(ROOT, self.chain.root.version + 1)
        if self.store.tag(key):
            raise Foreign("newer-root", "is newer than the root of this folder", place=key, mend=mend)
        if self.live.version(TARGETS) > self.chain.targets.version:
            key = metadata_key(TARGETS, self.live.version(TARGETS))
            raise Foreign("newer-targets", "is newer than the targets of this folder", place=key, mend=mend)

    def _wanted(self) -> dict[str, TargetFile]:
        pointer = read_pointer(self.store)
        root = pointer.readable_root if pointer else None
        if root is None:
            raise Missing("no-release", "holds no complete release", mend="skillpress publish --to STORE")
        return self._wanted_again(root) if self.renew else self._wanted_now(root)

    def _wanted_again(self, root: str) -> dict[str, TargetFile]:
        """What was signed, if the keys of today vouch for it: one that was replaced may have been stolen."""
        old = self.live.releases
        if old is None or not is_signed_by(self.chain.targets.signed, RELEASES, old):
            mend = "skillpress sign signs what is there"
            raise Missing("not-signed", "there is no whole signature of these keys to renew", mend=mend)
        if node_key(root) not in old.signed.targets:
            self.notes.append("release.json names a root that is not signed; skillpress sign does it")
        return dict(old.signed.targets)

    def _wanted_now(self, root: str) -> dict[str, TargetFile]:
        wanted = {node_key(root): self._node(root)}
        revoked = self._there(REVOKED_KEY)
        if revoked is None:
            return wanted
        decode_revoked(revoked)
        return {**wanted, REVOKED_KEY: TargetFile.from_data(REVOKED_KEY, revoked, ["sha256"])}

    def _node(self, root: str) -> TargetFile:
        """The root node as a target, without a look at it when the keys of today signed it already."""
        key, old = node_key(root), self.live.releases
        if old and key in old.signed.targets and is_signed_by(self.chain.targets.signed, RELEASES, old):
            return old.signed.targets[key]
        body = self.store.get(key)
        if digest(body) != root:
            raise Foreign("bad-node", "its bytes do not have the digest in its name", place=key)
        return TargetFile.from_data(key, body, ["sha256"])

    def _releases(self, wanted: dict[str, TargetFile]) -> Held[Targets]:
        old, delegator = self.live.releases, self.chain.targets.signed
        if old and dict(old.signed.targets) == wanted and self._still_holds(RELEASES, old, delegator):
            return old
        expires = self.chain.lifetimes.until(RELEASES, self.now)
        payload = Targets(version=1, expires=expires, targets=wanted)
        return self._create(RELEASES, payload, Targets, keyids_of(delegator, RELEASES))

    def _snapshot(self, releases: Held[Targets]) -> Held[Snapshot]:
        meta = {
            "targets.json": _meta(self.chain.targets),
            "releases.json": _meta(releases),
        }
        old = self.live.snapshot if self.live.releases else None
        if old and old.signed.meta == meta and self._still_holds(SNAPSHOT, old, self.chain.root.signed):
            return old
        expires = self.chain.lifetimes.until(SNAPSHOT, self.now)
        payload = Snapshot(version=1, expires=expires, meta=meta)
        return self._create(SNAPSHOT, payload, Snapshot, self._keyids(SNAPSHOT))

    def _timestamp(self, snapshot: Held[Snapshot]) -> Held[Timestamp]:
        old, meta = self.live.timestamp, _meta(snapshot)
        same = old is not None and old.signed.snapshot_meta == meta
        if old and same and not self.renew and self._still_holds(TIMESTAMP, old, self.chain.root.signed):
            return old
        expires = self.chain.lifetimes.until(TIMESTAMP, self.now)
        payload = Timestamp(version=self.live.version(TIMESTAMP) + 1, expires=expires, snapshot_meta=meta)
        body = self.ring.sign(Metadata(payload), self._keyids(TIMESTAMP))
        return parse(body, Timestamp, TIMESTAMP_KEY)

    def _still_holds(self, role: str, held: Held[Any], delegator: Root | Targets) -> bool:
        ageing = self.chain.lifetimes.is_ageing(role, held.signed.expires, self.now)
        return not ageing and is_signed_by(delegator, role, held)

    def _keyids(self, role: str) -> list[str]:
        """The keys that the newest root lists for `role`, and those of the root that clients have now."""
        before = self.chain.roots[max(self.published, 1) - 1].signed
        return [*keyids_of(self.chain.root.signed, role), *keyids_of(before, role)]

    def _top(self, snapshot: Held[Snapshot], timestamp: Held[Timestamp]) -> tuple[tuple[str, Held[Any]], ...]:
        return ((TARGETS, self.chain.targets), (SNAPSHOT, snapshot), (TIMESTAMP, timestamp))

    def _vouched(self, role: str, held: Held[Any]) -> bool:
        """Whether the root that clients have now vouches for `held`."""
        return self.published > 0 and is_signed_by(self.chain.roots[self.published - 1].signed, role, held)

    def _create(self, role: str, payload: Any, form: Any, keyids: list[str]) -> Held[Any]:
        """Sign `payload` under the first number above the known ones that is free, and write it."""
        version = self.live.version(role)
        while True:
            version += 1
            key = metadata_key(role, version)
            if self.store.tag(key):
                continue
            payload.version = version
            body = self.ring.sign(Metadata(payload), keyids)
            try:
                self._put(key, body, "")
            except Busy:
                continue
            return parse(body, form, key)

    def _put_roots(self) -> None:
        """Each root that the bucket lacks, oldest first: a client walks through all of them."""
        if self.whole and not self.renew:
            return
        first = 0 if self.renew else min(self.published, len(self.chain.roots) - 1)
        for root in self.chain.roots[first:]:
            self._freeze(ROOT, root)

    def _freeze(self, role: str, held: Held[Any]) -> None:
        """Write an offline file unless it is there; one that was damaged is written over."""
        key = metadata_key(role, held.version)
        there = self._there(key)
        if there == held.body:
            return
        if there is not None and self._is_genuine(role, there, key):
            mend = "give the folder whose ceremony was published"
            raise Foreign(f"other-{role}", "was signed in another ceremony", place=key, mend=mend)
        if there is not None:
            self.notes.append(f"{key} held other bytes and was restored")
        tag = self.store.tag(key)
        self._put(key, held.body, tag.value if tag else "")

    def _there(self, key: str) -> bytes | None:
        try:
            return self.store.get(key)
        except Missing:
            return None

    def _is_genuine(self, role: str, body: bytes, key: str) -> bool:
        try:
            if role == ROOT:
                root = parse(body, Root, key)
                return is_signed_by(root.signed, ROOT, root)
            targets = parse(body, Targets, key)
        except Foreign:
            return False
        return any(is_signed_by(root.signed, TARGETS, targets) for root in self.chain.roots)

    def _swap(self, timestamp: Held[Timestamp]) -> None:
        if timestamp is not self.live.timestamp:
            self._put(TIMESTAMP_KEY, timestamp.body, self.live.tag)

    def _put(self, key: str, body: bytes, expect: str) -> None:
        if not self.written:
            self.store.prepare()
        self.store.put(key, body, expect=expect)
        self.written.append(key)


def _meta(held: Held[Any]) -> MetaFile:
    return MetaFile.from_data(held.version, held.body, ["sha256"])
