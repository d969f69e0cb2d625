"""The life of a signed registry: first signature, releases, renewal, other keys, lost and damaged buckets."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from signed_registry import DAY, HOUR, NOW, CountingStore, Quiet, RacingStore, Signatures
from tuf.api.metadata import Metadata, Timestamp
from tuf.ngclient import Updater, UpdaterConfig

from registry_builder.core.errors import Busy, Foreign, Missing, Misuse, Refusal, Trouble
from registry_builder.core.revoked import Revocation, Revoked, encode_revoked
from registry_builder.trust import ceremony
from registry_builder.trust.check import TrustReport, how_signed
from registry_builder.trust.metadata import Lifetimes, keyids_of
from registry_builder.trust.sign import sign

FIRST = {"1.root.json", "1.targets.json", "1.releases.json", "1.snapshot.json", "timestamp.json"}
ROLES = ("root", "targets", "releases", "snapshot", "timestamp")


def test_first_signature_writes_five_keys_and_vouches_for_the_root_node(signatures: Signatures) -> None:
    assert how_signed(signatures.store).startswith("not signed")
    signed = signatures.sign()
    assert (signed.root, signatures.signed_keys()) == (signatures.root(1), FIRST)
    assert how_signed(signatures.store).startswith("signed")
    assert signatures.check() == TrustReport(
        signatures.root(1),
        dict.fromkeys(("root", "targets", "releases", "snapshot", "timestamp"), 1),
        NOW + DAY,
    )


def test_timestamp_is_written_last(signatures: Signatures) -> None:
    store = CountingStore(signatures.store.objects)
    signatures.sign(store=store)
    assert store.puts[-1] == "tuf/timestamp.json"


def test_signing_what_is_signed_writes_nothing_with_few_reads(signatures: Signatures) -> None:
    signatures.sign()
    store = CountingStore(signatures.store.objects)
    signed = signatures.sign(store=store)
    assert (store.puts, signed.written) == ([], ())
    assert store.reads <= 9


def test_second_release_is_signed_under_new_numbers(signatures: Signatures) -> None:
    signatures.sign()
    assert signatures.check().faults == ()
    signatures.release_second()
    assert signatures.refusals() == [("unsigned-release", "release.json")]
    signatures.sign()
    assert signatures.signed_keys() == {*FIRST, "2.releases.json", "2.snapshot.json"}
    assert signatures.check().root == signatures.root(2)


@pytest.mark.parametrize(
    ("later", "written"),
    [
        (HOUR, ["timestamp.json"]),
        (14 * DAY, ["timestamp.json"]),
        (16 * DAY, ["2.releases.json", "2.snapshot.json", "timestamp.json"]),
        (200 * DAY, ["2.releases.json", "2.snapshot.json", "timestamp.json"]),
    ],
)
def test_renewal_writes_what_ages(signatures: Signatures, later: object, written: list[str]) -> None:
    signatures.sign()
    signatures.now += later  # type: ignore[operator]
    store = CountingStore(signatures.store.objects)
    signatures.sign(renew=True, store=store)
    assert store.puts == [f"tuf/{name}" for name in written]
    assert signatures.check().faults == ()


def test_renewal_does_not_sign_what_came_meanwhile(signatures: Signatures) -> None:
    signatures.sign()
    signatures.release_second()
    signed = signatures.sign(renew=True)
    assert signed.root == signatures.root(1)
    assert signed.notes == ("release.json names a root that is not signed; skillpress sign does it",)
    assert signatures.refusals() == [("unsigned-release", "release.json")]


def test_renewal_of_nothing_is_refused(signatures: Signatures) -> None:
    with pytest.raises(Missing, match="not-signed"):
        signatures.sign(renew=True)
    assert signatures.signed_keys() == set()


def test_ends_are_those_of_the_lifetimes(signatures: Signatures) -> None:
    signatures.sign()
    table = [(DAY - HOUR, []), (DAY, [("expired-timestamp", "tuf/timestamp.json")])]
    for later, refused in table:
        signatures.now = NOW + later
        assert signatures.refusals() == refused, later


@pytest.mark.parametrize(("role", "left"), [("root", 29 * DAY), ("targets", 29 * DAY)])
def test_offline_role_that_ends_soon_is_noted_then_refused(
    signatures: Signatures, role: str, left: object
) -> None:
    signatures.sign()
    signatures.now = NOW + 365 * DAY - left  # type: ignore[operator]
    assert any(note.startswith(f"{role} ends on 2027-01-01") for note in signatures.sign().notes)
    signatures.now = NOW + 365 * DAY
    with pytest.raises(Trouble, match="expired-root"):
        signatures.sign()
    for offline in ("root", "targets"):
        ceremony.renew(signatures.folder, signatures.ring(), offline, signatures.now)
    signatures.sign()
    assert signatures.check().faults == ()
    assert [signatures.check().versions[role] for role in ROLES] == [2, 2, 3, 3, 3]


@pytest.mark.parametrize("old_keys", [True, False], ids=["old keys here", "old keys lost"])
@pytest.mark.parametrize("role", ROLES)
def test_clients_follow_a_rotation_of_any_role(signatures: Signatures, role: str, old_keys: bool) -> None:
    signatures.sign()
    assert signatures.check().faults == ()
    chain = ceremony.load(signatures.folder)
    old = set(keyids_of(chain.delegator(role), role))
    if not old_keys and role != "root":
        signatures.hidden = old
    signatures.rotate(role)
    chain = ceremony.load(signatures.folder)
    assert not old & set(keyids_of(chain.delegator(role), role))
    if role in {"root", "targets"}:
        # Online signing goes on without any offline key.
        signatures.hidden |= set(keyids_of(chain.root.signed, "root"))
    signatures.sign()
    assert (signatures.check().faults, signatures.check(state=False).faults) == ((), ())
    signatures.release_second()
    signatures.sign()
    assert signatures.check().root == signatures.root(2)


def test_root_with_other_threshold_needs_that_many(signatures: Signatures) -> None:
    signatures.sign()
    signatures.rotate("root", threshold=3, count=4)
    chain = ceremony.load(signatures.folder)
    signatures.sign()
    assert signatures.check().versions["root"] == 2
    signatures.hidden = set(keyids_of(chain.root.signed, "root")[:2])
    with pytest.raises(Misuse, match="2 of the 4 private keys of root are here, and 3 have to sign"):
        signatures.rotate("timestamp")


def test_one_holder_of_three_is_replaced(signatures: Signatures) -> None:
    before = keyids_of(ceremony.load(signatures.folder).root.signed, "root")
    signatures.hidden = {before[0]}
    signatures.rotate("root", key=before[0][:12])
    after = keyids_of(ceremony.load(signatures.folder).root.signed, "root")
    assert (after[:2], len(after)) == (before[1:], 3)


def test_stolen_key_that_was_replaced_signs_nothing(signatures: Signatures) -> None:
    signatures.sign()
    thief = signatures.authority()
    signatures.rotate("timestamp")
    signatures.sign()
    assert signatures.check().faults == ()
    before = dict(signatures.store.objects)
    with pytest.raises(Foreign, match="newer-root"):
        sign(signatures.store, thief, signatures.now)
    assert signatures.store.objects == before
    timestamp = Metadata[Timestamp].from_bytes(before["tuf/timestamp.json"])
    timestamp.signed.version += 1
    keyids = keyids_of(thief.chain.root.signed, "timestamp")
    signatures.store.objects["tuf/timestamp.json"] = thief.ring.sign(timestamp, keyids)
    assert signatures.refusals() == [("too-few-signatures", "tuf/timestamp.json")]


def test_memory_survives_a_look_that_ended_after_a_new_root(signatures: Signatures) -> None:
    signatures.sign()
    assert signatures.check().faults == ()
    signatures.rotate("timestamp")
    signatures.sign()
    body = signatures.store.objects.pop("tuf/timestamp.json")
    assert signatures.refusals() == [("not-signed", "tuf/timestamp.json")]
    signatures.store.objects["tuf/timestamp.json"] = body
    assert signatures.refusals() == []


def test_revocations_are_signed_with_the_release(signatures: Signatures) -> None:
    signatures.sign()
    item = Revocation(sha256="0" * 64, reason="bad", time="2026-01-01T00:00:00Z", rows=("alpha@1",))
    signatures.store.objects["revoked.json"] = encode_revoked(Revoked(revoked=(item,)))
    assert signatures.refusals() == [("unsigned-revocations", "revoked.json")]
    signatures.sign()
    assert signatures.refusals() == []
    del signatures.store.objects["revoked.json"]
    assert signatures.refusals() == [("missing-target", "revoked.json")]


def test_after_a_lost_bucket_other_keys_begin_anew(signatures: Signatures) -> None:
    for _ in range(3):
        signatures.sign(renew=bool(signatures.signed_keys()))
    assert signatures.check().faults == ()
    for name in signatures.signed_keys():
        del signatures.store.objects[f"tuf/{name}"]
    signatures.sign()
    assert signatures.refusals() == [("rolled-back", "tuf/timestamp.json")]
    signatures.rotate("timestamp")
    signatures.rotate("snapshot")
    signatures.sign()
    assert signatures.refusals() == []


@pytest.mark.parametrize(
    ("key", "refused", "mended"),
    [
        ("1.root.json", [], ["1.root.json"]),
        ("1.targets.json", ["unreadable"], ["1.targets.json", "2.releases.json", "2.snapshot.json"]),
        ("1.releases.json", ["unreadable"], ["2.releases.json", "2.snapshot.json"]),
        ("1.snapshot.json", ["unreadable"], ["2.releases.json", "2.snapshot.json"]),
    ],
)
def test_damaged_file_is_mended_by_the_next_signature(
    signatures: Signatures, key: str, refused: list[str], mended: list[str]
) -> None:
    signatures.sign()
    signatures.store.objects[f"tuf/{key}"] = b"{}"
    assert [kind for kind, _ in signatures.refusals(state=False)] == refused
    written = {name.removeprefix("tuf/") for name in signatures.sign().written}
    assert written - {"timestamp.json"} == set(mended)
    assert signatures.refusals() == []


def test_folder_that_is_behind_or_of_others_signs_nothing(signatures: Signatures, tmp_path: Path) -> None:
    signatures.sign()
    old, folder = signatures.authority(), signatures.folder
    signatures.rotate("root")
    signatures.sign()
    signatures.folder = tmp_path / "other"
    ceremony.init(signatures.folder, Lifetimes(), 1, 1, NOW)
    before = dict(signatures.store.objects)
    with pytest.raises(Foreign, match="foreign-timestamp"):
        signatures.sign()
    del signatures.store.objects["tuf/timestamp.json"]
    with pytest.raises(Foreign, match=r"(newer|other)-root"):
        signatures.sign()
    signatures.store.objects.update(before)
    signatures.folder = folder
    for path in folder.glob("2.*"):
        path.unlink()
    assert old.chain.root.version == signatures.authority().chain.root.version == 1
    with pytest.raises(Foreign, match="newer-root"):
        signatures.sign()
    assert signatures.store.objects == before


def test_signer_that_was_overtaken_stops(signatures: Signatures) -> None:
    signatures.sign()
    signatures.release_second()
    other = CountingStore(dict(signatures.store.objects))
    signatures.sign(store=other)
    newer = {key: other.objects[key] for key in other.puts}
    before = dict(signatures.store.objects)
    with pytest.raises(Busy, match="somebody else"):
        signatures.sign(store=RacingStore(signatures.store.objects, newer))
    assert signatures.store.objects["tuf/timestamp.json"] == newer["tuf/timestamp.json"] != before
    assert signatures.check().root == signatures.root(2)


@pytest.mark.parametrize(
    ("threshold", "count"), [(0, 1), (2, 1), (-1, 1)], ids=["none", "more than there are", "negative"]
)
def test_threshold_that_cannot_be_reached_makes_no_keys(tmp_path: Path, threshold: int, count: int) -> None:
    with pytest.raises(Misuse, match="bad-threshold"):
        ceremony.init(tmp_path / "keys", Lifetimes(), threshold, count, NOW)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("state", ["open", "none"])
def test_bucket_without_a_complete_release_is_not_signed(signatures: Signatures, state: str) -> None:
    if state == "none":
        signatures.store.objects.clear()
    else:
        body = signatures.store.objects["release.json"]
        signatures.store.objects["release.json"] = body.replace(b'"complete"', b'"open"')
    with pytest.raises(Refusal, match="no-release"):
        signatures.sign()


def test_python_tuf_client_finds_the_root_node_over_http(signatures: Signatures, tmp_path: Path) -> None:
    folder = tmp_path / "keys-of-today"
    signatures.now = datetime.now(UTC)
    ceremony.init(folder, Lifetimes(), 2, 3, signatures.now)
    signatures.folder, signatures.trusted = folder, (folder / "root.json").read_bytes()
    signatures.sign()
    signatures.rotate("root")
    signatures.sign()
    bucket, state, got = tmp_path / "bucket", tmp_path / "client", tmp_path / "got"
    for key, body in signatures.store.objects.items():
        (bucket / key).parent.mkdir(parents=True, exist_ok=True)
        (bucket / key).write_bytes(body)
    state.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(bucket)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    config = UpdaterConfig(prefix_targets_with_hash=False)
    client = Updater(str(state), f"{base}/tuf", str(got), base, config=config, bootstrap=signatures.trusted)
    client.refresh()
    target = client.get_targetinfo(f"r/{signatures.root(1)}")
    assert target is not None
    assert client.get_targetinfo("r/" + "0" * 64) is None
    path = client.download_target(target)
    server.shutdown()
    server.server_close()
    assert Path(path).read_bytes() == signatures.store.objects[f"r/{signatures.root(1)}"]
    assert signatures.check(state=False).faults == ()
