"""Key ceremonies: a new set of keys, other keys for a role, more time; and the public files that come of it.

A folder holds `<n>.root.json`, `<n>.targets.json`, `root.json` (the newest root, to hand out),
`lifetimes.json`, all public, and `private/offline` and `private/online`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Role, Root, Targets

from registry_builder.core.errors import Foreign, Misuse
from registry_builder.trust.keyring import Keyring, generate, ring_of, write_key
from registry_builder.trust.metadata import (
    OFFLINE,
    ONLINE,
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Held,
    Lifetimes,
    delegating,
    is_signed_by,
    keyids_of,
    parse,
    threshold_of,
)

LIFETIMES = "lifetimes.json"
PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Chain:
    """The public side of a folder: every root, oldest first, the newest targets, the lifetimes."""

    roots: tuple[Held[Root], ...]
    targets: Held[Targets]
    lifetimes: Lifetimes

    @property
    def root(self) -> Held[Root]:
        return self.roots[-1]

    def delegator(self, role: str) -> Root | Targets:
        """What lists the keys of `role`."""
        return self.targets.signed if role == RELEASES else self.root.signed


def load(folder: Path) -> Chain:
    """The public files in `folder`, each checked against the one before. Raises Misuse, Foreign."""
    roots: list[Held[Root]] = []
    while (path := folder / f"{len(roots) + 1}.root.json").is_file():
        root = parse(path.read_bytes(), Root, str(path))
        above = roots[-1] if roots else root
        if not (is_signed_by(above.signed, ROOT, root) and is_signed_by(root.signed, ROOT, root)):
            raise Foreign("too-few-signatures", "the root before it does not vouch for it", place=str(path))
        roots.append(root)
    numbers = [path.name.partition(".")[0] for path in folder.glob("*.targets.json")]
    versions = [int(number) for number in numbers if number.isdecimal()]
    if not roots or not versions:
        raise Misuse("no-keys", "holds no root and targets", place=str(folder), mend="skillpress keys init")
    path = folder / f"{max(versions)}.targets.json"
    targets = parse(path.read_bytes(), Targets, str(path))
    if not is_signed_by(roots[-1].signed, TARGETS, targets):
        raise Foreign("too-few-signatures", "the newest root does not vouch for it", place=str(path))
    return Chain(tuple(roots), targets, _lifetimes(folder / LIFETIMES))


def init(folder: Path, lifetimes: Lifetimes, threshold: int, count: int, now: datetime) -> Chain:
    """Make every key and the first root and targets in `folder`. Raises Misuse rather than overwrite."""
    if not 1 <= threshold <= count:
        raise Misuse("bad-threshold", f"{threshold} of {count} keys cannot sign", place="--threshold")
    if folder.exists() and any(folder.iterdir()):
        raise Misuse("keys-exist", "is not empty", place=str(folder), mend="give a new folder")
    made = {role: generate(count if role in OFFLINE else 1) for role in (*OFFLINE, *ONLINE)}
    root = Root(version=1, expires=lifetimes.until(ROOT, now), consistent_snapshot=True)
    for role in (*OFFLINE, SNAPSHOT, TIMESTAMP):
        root.roles[role] = Role([], threshold if role in OFFLINE else 1)
        for signer in made[role]:
            root.add_key(signer.public_key, role)
    targets = Targets(
        version=1,
        expires=lifetimes.until(TARGETS, now),
        delegations=delegating(signer.public_key for signer in made[RELEASES]),
    )
    ring = ring_of(signer for signers in made.values() for signer in signers)
    for role, signers in made.items():
        _keep_private(folder, role, signers)
    (folder / PRIVATE / ".gitignore").write_text("*\n", encoding="utf-8")
    (folder / LIFETIMES).write_bytes(msgspec.json.format(msgspec.json.encode(lifetimes), indent=2) + b"\n")
    _keep_targets(folder, targets, ring, keyids_of(root, TARGETS))
    _keep_root(folder, root, ring, keyids_of(root, ROOT))
    return load(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Which keys of `role` go: all, or only `key`. `count` and `threshold` may change with all of them."""

    role: str
    key: str | None = None
    count: int | None = None
    threshold: int | None = None


def rotate(folder: Path, ring: Keyring, rotation: Rotation, now: datetime) -> Chain:
    """Give a role new keys, and publish that in a new root or targets, signed by old and new holders."""
    chain, role = load(folder), rotation.role
    delegator = chain.delegator(role)
    old = keyids_of(delegator, role)
    going = _going(old, rotation)
    left = len(old) - len(going)
    count = rotation.count or len(old)
    threshold = rotation.threshold or threshold_of(delegator, role)
    if not 1 <= threshold <= count or count <= left:
        raise Misuse("bad-threshold", f"{threshold} of {count} keys cannot sign", place="--threshold")
    ring.demand(chain.root.signed, TARGETS if role == RELEASES else ROOT)
    made = generate(count - left)
    root, targets = _copy_root(chain.root), _copy_targets(chain.targets)
    new = targets if role == RELEASES else root
    for keyid in going:
        new.revoke_key(keyid, role)
    for signer in made:
        new.add_key(signer.public_key, role)
    new.get_delegated_role(role).threshold = threshold
    more = ring.plus(ring_of(made))
    if role != RELEASES:
        more.demand(root, ROOT)
    _keep_private(folder, role, made)
    ceremony = _Ceremony(folder, chain, more, now)
    if role in {RELEASES, TARGETS}:
        ceremony.next_targets(root, targets)
    if role != RELEASES:
        ceremony.next_root(root)
    return load(folder)


def renew(folder: Path, ring: Keyring, role: str, now: datetime) -> Chain:
    """Sign `root` or `targets` anew with the same keys, for another lifetime."""
    chain = load(folder)
    ring.demand(chain.root.signed, role)
    ceremony = _Ceremony(folder, chain, ring, now)
    if role == ROOT:
        ceremony.next_root(_copy_root(chain.root))
    else:
        ceremony.next_targets(chain.root.signed, _copy_targets(chain.targets))
    return load(folder)


def _going(old: Sequence[str], rotation: Rotation) -> list[str]:
    if rotation.key is None:
        return list(old)
    going = [keyid for keyid in old if keyid.startswith(rotation.key)]
    if len(going) != 1:
        mend = "skillpress keys show lists them"
        raise Misuse("no-such-key", f"{rotation.role} has no single key {rotation.key}", mend=mend)
    return going


@dataclass(frozen=True, slots=True)
class _Ceremony:
    """What is needed to write the next version of a public file."""

    folder: Path
    chain: Chain
    ring: Keyring
    now: datetime

    def next_targets(self, root: Root, targets: Targets) -> None:
        """Signed by the keys that `root` lists and by the old ones that are here: both roots vouch."""
        self.ring.demand(root, TARGETS)
        targets.version += 1
        targets.expires = self.chain.lifetimes.until(TARGETS, self.now)
        keyids = (*keyids_of(self.chain.root.signed, TARGETS), *keyids_of(root, TARGETS))
        _keep_targets(self.folder, targets, self.ring, keyids)

    def next_root(self, root: Root) -> None:
        """Signed by the keys of the root before and by its own."""
        root.version += 1
        root.expires = self.chain.lifetimes.until(ROOT, self.now)
        keyids = (*keyids_of(self.chain.root.signed, ROOT), *keyids_of(root, ROOT))
        _keep_root(self.folder, root, self.ring, keyids)


def _copy_root(held: Held[Root]) -> Root:
    return parse(held.body, Root, "root.json").signed


def _copy_targets(held: Held[Targets]) -> Targets:
    return parse(held.body, Targets, "targets.json").signed


def _keep_root(folder: Path, root: Root, ring: Keyring, keyids: Sequence[str]) -> None:
    body = ring.sign(Metadata(root), keyids)
    _write_new(folder / f"{root.version}.root.json", body)
    beside = folder / ".root.json"
    beside.write_bytes(body)
    beside.replace(folder / "root.json")


def _keep_targets(folder: Path, targets: Targets, ring: Keyring, keyids: Sequence[str]) -> None:
    _write_new(folder / f"{targets.version}.targets.json", ring.sign(Metadata(targets), keyids))


def _write_new(path: Path, body: bytes) -> None:
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _keep_private(folder: Path, role: str, signers: Sequence[CryptoSigner]) -> None:
    place = folder / PRIVATE / ("offline" if role in OFFLINE else "online")
    for made in (folder, folder / PRIVATE, place):
        made.mkdir(mode=0o755 if made == folder else 0o700, parents=made == folder, exist_ok=True)
    for signer in signers:
        # Named by the key, so that a folder of old keys and one of new ones can be put together.
        write_key(place / f"{role}-{signer.public_key.keyid[:12]}.pem", signer)


def _lifetimes(path: Path) -> Lifetimes:
    if not path.exists():
        return Lifetimes()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lifetimes)
    except msgspec.MsgspecError as error:
        raise Misuse("bad-lifetimes", str(error), place=str(path), mend="days, from 1 to 3650") from error
