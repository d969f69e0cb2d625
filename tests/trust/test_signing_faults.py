"""A signer that dies at any write: a client always sees one signed release, and the next run completes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from signed_registry import DAY, CountingStore, Signatures

from registry_builder.core.errors import Trouble
from registry_builder.trust import ceremony
from registry_builder.trust.metadata import keyids_of


def _nothing(signatures: Signatures) -> None:
    """The next release is all that is new."""


def _every_key(signatures: Signatures) -> None:
    for role in ("timestamp", "snapshot", "targets", "releases", "root"):
        signatures.rotate(role)


def _one_key(signatures: Signatures) -> None:
    signatures.rotate("snapshot")


def _lost_key(signatures: Signatures) -> None:
    chain = ceremony.load(signatures.folder)
    signatures.hidden = set(keyids_of(chain.root.signed, "snapshot"))
    signatures.rotate("snapshot")


def _old_age(signatures: Signatures) -> None:
    signatures.now += 20 * DAY


CHANGES: dict[str, tuple[Callable[[Signatures], None], bool]] = {
    "a release": (_nothing, True),
    "a release and a renewal": (_old_age, False),
    "a release and another snapshot key": (_one_key, True),
    "a release and every key": (_every_key, False),
    "a release and a lost snapshot key": (_lost_key, False),
}
"""What is signed, and whether clients are served at each moment of it (else they refuse, until the mend)."""


@pytest.mark.parametrize("what", CHANGES)
def test_killed_at_any_write_a_client_sees_a_signed_root_and_the_next_run_mends(
    signatures: Signatures, what: str
) -> None:
    change, always = CHANGES[what]
    signatures.sign()
    assert signatures.check().faults == ()
    change(signatures)
    before = {**signatures.store.objects, **signatures.generations[1]}
    whole = CountingStore(dict(before))
    signatures.sign(store=whole)
    points = len(whole.puts)
    for dies_at in range(points):
        signatures.store.objects = dict(before)
        store = CountingStore(signatures.store.objects, dies_at)
        with pytest.raises(Trouble, match="killed"):
            signatures.sign(store=store)
        signatures.state = signatures.folder / f"state-{dies_at}"
        seen = signatures.check()
        kinds = {fault.kind for fault in seen.faults}
        if always:
            assert kinds <= {"unsigned-release"}, (dies_at, kinds)
        assert seen.root in {signatures.root(1), signatures.root(2), None}
        signatures.sign()
        assert (signatures.check().faults, signatures.check(state=False).faults) == ((), ()), dies_at
        assert signatures.check().root == signatures.root(2)
    print(f"{what}: {points} points")


def test_first_signature_killed_at_any_write_is_completed(signatures: Signatures) -> None:
    before = dict(signatures.store.objects)
    for dies_at in range(5):
        signatures.store.objects = dict(before)
        with pytest.raises(Trouble, match="killed"):
            signatures.sign(store=CountingStore(signatures.store.objects, dies_at))
        assert signatures.refusals(state=False) == [("not-signed", "tuf/timestamp.json")]
        signatures.sign()
        assert signatures.refusals(state=False) == []


def test_numbered_keys_are_never_written_twice(signatures: Signatures) -> None:
    signatures.sign()
    signatures.release_second()
    seen: list[str] = []
    for dies_at in range(3):
        store = CountingStore(signatures.store.objects, dies_at)
        with pytest.raises(Trouble, match="killed"):
            signatures.sign(store=store)
        seen += store.puts
    signatures.sign()
    assert seen == ["tuf/2.releases.json", "tuf/3.releases.json", "tuf/2.snapshot.json"]
    assert signatures.check().versions == {
        "root": 1,
        "targets": 1,
        "releases": 4,
        "snapshot": 3,
        "timestamp": 2,
    }
