"""Everything that a client with a trusted root and a memory refuses, each by its own name and place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from signed_registry import DAY, NOW, Signatures
from tuf.api.metadata import Metadata, MetaFile, TargetFile, Targets, Timestamp

from registry_builder.core.errors import Foreign, Misuse
from registry_builder.trust import ceremony
from registry_builder.trust.check import check_trust
from registry_builder.trust.metadata import Lifetimes, keyids_of

TIMESTAMP = "tuf/timestamp.json"
Attack = Callable[[Signatures, dict[str, bytes], dict[str, bytes]], None]


def _copied(target: str, source: str, *, old: bool = False) -> Attack:
    """Serve `source` (of the first signature, if `old`) as `target`."""

    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        bucket[target] = (first if old else bucket)[source]

    return attack


def _put(key: str, body: bytes) -> Attack:
    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        bucket[key] = body

    return attack


def _gone(key: str) -> Attack:
    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        del bucket[key]

    return attack


def _edited(key: str, **fields: object) -> Attack:
    """Change what `key` says and keep its signatures."""

    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        said = json.loads(bucket[key])
        said["signed"].update(fields)
        bucket[key] = json.dumps(said).encode()

    return attack


def _whole_old_bucket(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
    bucket.clear()
    bucket.update(first)


def _later(days: int) -> Attack:
    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        signatures.now = NOW + timedelta(days=days)

    return attack


def _fresh_timestamp_over_old_release(days: int) -> Attack:
    """A thief of the timestamp's key alone keeps it fresh, over a release that has ended."""

    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        signatures.now = NOW + timedelta(days=days)
        said = Metadata[Timestamp].from_bytes(bucket[TIMESTAMP])
        said.signed.version += 1
        said.signed.expires = signatures.now + DAY
        _resign(signatures, said, "timestamp", TIMESTAMP, bucket)

    return attack


def _other_release_of_stolen_key(change: Callable[[Targets], None]) -> Attack:
    """A thief of every online key signs what `change` makes of the newest release."""

    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        releases = Metadata[Targets].from_bytes(bucket["tuf/2.releases.json"])
        change(releases.signed)
        _resign(signatures, releases, "releases", "tuf/2.releases.json", bucket)
        _follow(signatures, bucket)

    return attack


def _older_release_of_stolen_key(
    signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]
) -> None:
    snapshot = Metadata.from_bytes(bucket["tuf/2.snapshot.json"])
    old = first["tuf/1.releases.json"]
    snapshot.signed.meta["releases.json"] = MetaFile.from_data(1, old, ["sha256"])
    _sign_snapshot(signatures, snapshot, bucket)


def _without_releases(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
    snapshot = Metadata.from_bytes(bucket["tuf/2.snapshot.json"])
    del snapshot.signed.meta["releases.json"]
    signatures.state = signatures.state / "new"
    _sign_snapshot(signatures, snapshot, bucket)


def _follow(signatures: Signatures, bucket: dict[str, bytes]) -> None:
    snapshot = Metadata.from_bytes(bucket["tuf/2.snapshot.json"])
    releases = bucket["tuf/2.releases.json"]
    snapshot.signed.meta["releases.json"] = MetaFile.from_data(2, releases, ["sha256"])
    _sign_snapshot(signatures, snapshot, bucket)


def _sign_snapshot(signatures: Signatures, snapshot: Metadata, bucket: dict[str, bytes]) -> None:  # type: ignore[type-arg]
    snapshot.signed.version = 3
    _resign(signatures, snapshot, "snapshot", "tuf/3.snapshot.json", bucket)
    timestamp = Metadata[Timestamp].from_bytes(bucket[TIMESTAMP])
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta = MetaFile.from_data(3, bucket["tuf/3.snapshot.json"], ["sha256"])
    _resign(signatures, timestamp, "timestamp", TIMESTAMP, bucket)


def _resign(
    signatures: Signatures,
    metadata: Metadata,  # type: ignore[type-arg]
    role: str,
    key: str,
    bucket: dict[str, bytes],
) -> None:
    chain = ceremony.load(signatures.folder)
    bucket[key] = signatures.ring().sign(metadata, keyids_of(chain.delegator(role), role))


def _one_signature_of_two(key: str) -> Attack:
    def attack(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
        said = json.loads(bucket[key])
        said["signatures"] = said["signatures"][:1]
        bucket[key] = json.dumps(said).encode()

    return attack


def _same_signature_twice(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
    said = json.loads(bucket["tuf/2.root.json"])
    said["signatures"] = [said["signatures"][0]] * 2
    bucket["tuf/2.root.json"] = json.dumps(said).encode()


def _root_of_others(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
    folder = signatures.folder.parent / "others"
    ceremony.init(folder, Lifetimes(), 1, 1, NOW)
    bucket["tuf/2.root.json"] = (folder / "root.json").read_bytes().replace(b'"version": 1', b'"version": 2')


def _unsigned_pointer(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
    bucket["release.json"] = signatures.generations[0]["release.json"]


def _swapped_root_node(signatures: Signatures, first: dict[str, bytes], bucket: dict[str, bytes]) -> None:
    bucket[f"r/{signatures.root(2)}"] = bucket[f"r/{signatures.root(1)}"]


def _two_roots(releases: Targets) -> None:
    path = "r/" + "1" * 64
    releases.targets[path] = TargetFile(1, {"sha256": "1" * 64}, path)


def _too_much(releases: Targets) -> None:
    releases.targets["index.html"] = TargetFile(1, {"sha256": "1" * 64}, "index.html")


def _node_of_another_digest(releases: Targets) -> None:
    path = "r/" + "1" * 64
    releases.targets = {path: TargetFile(1, {"sha256": "2" * 64}, path)}


def _node_without_digest(releases: Targets) -> None:
    releases.targets = {"r/..": TargetFile(1, {"sha512": "2" * 128}, "r/..")}


SIGNED = "tuf/2.releases.json"
REFUSALS: dict[str, tuple[Attack, list[tuple[str, str]]]] = {
    "an old bucket as a whole": (_whole_old_bucket, [("rolled-back", "tuf/2.root.json")]),
    "an old timestamp": (_copied(TIMESTAMP, TIMESTAMP, old=True), [("rolled-back", TIMESTAMP)]),
    "no timestamp": (_gone(TIMESTAMP), [("not-signed", TIMESTAMP)]),
    "a frozen timestamp": (_later(1), [("expired-timestamp", TIMESTAMP)]),
    "a frozen snapshot": (
        _fresh_timestamp_over_old_release(31),
        [("expired-snapshot", "tuf/2.snapshot.json")],
    ),
    "a root past its end": (_later(365), [("expired-root", "tuf/2.root.json")]),
    "a timestamp with a longer life": (
        _edited(TIMESTAMP, expires="2036-01-01T00:00:00Z", version=9),
        [("too-few-signatures", TIMESTAMP)],
    ),
    "a timestamp that is no JSON": (_put(TIMESTAMP, b"\0"), [("bad-metadata", TIMESTAMP)]),
    "a timestamp of deep brackets": (_put(TIMESTAMP, b"[" * 9000), [("bad-metadata", TIMESTAMP)]),
    "a timestamp that is too large": (_put(TIMESTAMP, b" " * 16385), [("too-large", TIMESTAMP)]),
    "a root as timestamp": (_copied(TIMESTAMP, "tuf/1.root.json"), [("bad-metadata", TIMESTAMP)]),
    "an old snapshot under the new number": (
        _copied("tuf/2.snapshot.json", "tuf/1.snapshot.json"),
        [("replayed", "tuf/2.snapshot.json")],
    ),
    "an old release under the new number": (_copied(SIGNED, "tuf/1.releases.json"), [("replayed", SIGNED)]),
    "targets as releases": (_copied(SIGNED, "tuf/1.targets.json"), [("replayed", SIGNED)]),
    "a snapshot of other metadata": (
        _edited("tuf/2.snapshot.json", spec_version="1.0.1"),
        [("mixed", "tuf/2.snapshot.json")],
    ),
    "releases that say more": (_edited(SIGNED, x=1), [("mixed", SIGNED)]),
    "no snapshot": (_gone("tuf/2.snapshot.json"), [("missing-metadata", "tuf/2.snapshot.json")]),
    "no targets": (_gone("tuf/1.targets.json"), [("missing-metadata", "tuf/1.targets.json")]),
    "no releases": (_gone(SIGNED), [("missing-metadata", SIGNED)]),
    "releases cut off": (_put(SIGNED, b'{"signed": '), [("unreadable", SIGNED)]),
    "a root that was seen and is gone": (_gone("tuf/2.root.json"), [("rolled-back", "tuf/2.root.json")]),
    "a root that was seen and differs": (_root_of_others, [("rolled-back", "tuf/2.root.json")]),
    "another root node": (_swapped_root_node, [("swapped-target", "r/{root}")]),
    "no root node": (
        lambda signatures, _, bucket: bucket.pop(f"r/{signatures.root(2)}") and None,
        [("missing-target", "r/{root}")],
    ),
    "other revocations": (_put("revoked.json", b"{}"), [("swapped-target", "revoked.json")]),
    "no revocations": (_gone("revoked.json"), [("missing-target", "revoked.json")]),
    "an older release.json": (_unsigned_pointer, [("unsigned-release", "release.json")]),
    "no release.json": (_gone("release.json"), [("unsigned-release", "release.json")]),
    "a release.json of others": (_put("release.json", b"{}"), [("bad-pointer", "release.json")]),
    "an older release, by a thief of online keys": (
        _older_release_of_stolen_key,
        [("rolled-back", "tuf/3.snapshot.json")],
    ),
    "no releases, by a thief of online keys": (
        _without_releases,
        [("bad-metadata", "tuf/3.snapshot.json")],
    ),
    "two roots, by a thief of online keys": (
        _other_release_of_stolen_key(_two_roots),
        [("missing-target", "r/" + "1" * 64), ("bad-metadata", SIGNED)],
    ),
    "a page, by a thief of online keys": (
        _other_release_of_stolen_key(_too_much),
        [("bad-metadata", SIGNED)],
    ),
    "a node of another digest, by a thief of online keys": (
        _other_release_of_stolen_key(_node_of_another_digest),
        [("bad-metadata", SIGNED)],
    ),
    "a path upwards, by a thief of online keys": (
        _other_release_of_stolen_key(_node_without_digest),
        [("bad-metadata", SIGNED)],
    ),
}
UNSEEN: dict[str, tuple[Attack, list[tuple[str, str]]]] = {
    "one signature in place of two": (
        _one_signature_of_two("tuf/2.root.json"),
        [("too-few-signatures", "tuf/2.root.json")],
    ),
    "one signature given twice": (_same_signature_twice, [("bad-metadata", "tuf/2.root.json")]),
    "a root of others": (_root_of_others, [("too-few-signatures", "tuf/2.root.json")]),
    "an old root under the new number": (
        _copied("tuf/2.root.json", "tuf/1.root.json"),
        [("replayed", "tuf/2.root.json")],
    ),
    "a root that is no JSON": (_put("tuf/2.root.json", b"x"), [("bad-metadata", "tuf/2.root.json")]),
    "a root that is too large": (_put("tuf/2.root.json", b" " * 512001), [("too-large", "tuf/2.root.json")]),
    "a later root of nobody": (_put("tuf/3.root.json", b"{}"), [("bad-metadata", "tuf/3.root.json")]),
}


@pytest.fixture
def attacked(signatures: Signatures) -> tuple[Signatures, dict[str, bytes]]:
    """Two signed generations, a rotation of the root between, and what the first looked like."""
    signatures.store.objects["revoked.json"] = b'{"revoked":[],"schema":1}'
    signatures.sign()
    first = dict(signatures.store.objects)
    signatures.rotate("root")
    signatures.release_second()
    signatures.sign()
    return signatures, first


@pytest.mark.parametrize("what", REFUSALS)
def test_client_that_saw_the_newest_release_refuses(
    attacked: tuple[Signatures, dict[str, bytes]], what: str
) -> None:
    signatures, first = attacked
    assert signatures.refusals() == []
    attack, refused = REFUSALS[what]
    attack(signatures, first, signatures.store.objects)
    expected = [(kind, key.replace("{root}", signatures.root(2))) for kind, key in refused]
    assert signatures.refusals() == expected
    assert all(fault.message for fault in signatures.check().faults)


@pytest.mark.parametrize("what", UNSEEN)
def test_client_with_nothing_but_the_first_root_refuses(
    attacked: tuple[Signatures, dict[str, bytes]], what: str
) -> None:
    signatures, first = attacked
    attack, refused = UNSEEN[what]
    attack(signatures, first, signatures.store.objects)
    assert signatures.refusals() == refused


def test_what_a_new_client_cannot_know_is_accepted(attacked: tuple[Signatures, dict[str, bytes]]) -> None:
    signatures, first = attacked
    _whole_old_bucket(signatures, first, signatures.store.objects)
    assert signatures.check(state=False).root == signatures.root(1)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\xff", b"[]", b"[" * 9000, b'{"signed":{"_type":"root"},"signatures":[]}']
)
def test_trusted_root_that_is_none_is_misuse(signatures: Signatures, body: bytes) -> None:
    with pytest.raises(Misuse, match="bad-trusted-root"):
        check_trust(signatures.store, body, NOW, None)


def test_memory_of_another_registry_is_not_used(signatures: Signatures, tmp_path: Path) -> None:
    signatures.sign()
    assert signatures.refusals() == []
    ceremony.init(tmp_path / "other", Lifetimes(), 1, 1, NOW)
    with pytest.raises(Foreign, match="bad-state"):
        check_trust(signatures.store, (tmp_path / "other" / "root.json").read_bytes(), NOW, signatures.state)


@pytest.mark.parametrize("name", ["timestamp.json", "1.root.json", "snapshot.json"])
def test_damaged_memory_is_said_and_does_not_switch_protection_off(signatures: Signatures, name: str) -> None:
    signatures.sign()
    assert signatures.refusals() == []
    (signatures.state / name).write_bytes(b"{}")
    with pytest.raises(Foreign):
        signatures.check()


def test_every_refusal_has_a_row_in_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "signing.md").read_text(encoding="utf-8")
    listed = set(
        re.findall(r"`([a-z-]+)`", "".join(line.rpartition("|")[0].split("|")[1] for line in _rows(page)))
    )
    kinds = {kind for _, refused in (*REFUSALS.values(), *UNSEEN.values()) for kind, _ in refused}
    assert kinds <= listed | {"bad-pointer"}
    assert listed - kinds == {"expired-targets", "expired-releases", "unsigned-revocations", "bad-state"}


def _rows(page: str) -> list[str]:
    table = page.partition("| code |")[2].partition("\n\n")[0]
    return [line for line in table.splitlines() if line.startswith("| `")]
