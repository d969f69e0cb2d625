"""A bad wire and a bad server: what heals by itself, what is refused and how it is named, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from content_repo import Repo, skillpress
from publish.proxy import Fault, Proxy
from publish.world import NOW, QUICK, Bucket, Clock, promised, publish

from registry_builder.core.errors import Trouble
from registry_builder.core.key import KeyClass, classify
from registry_builder.previous import Previous
from registry_builder.prune import delete, prunable
from registry_builder.store.base import Listed
from registry_builder.store.memory import MemoryStore
from registry_builder.store.s3 import Patience
from registry_builder.verify.bucket import Verifier

PLAIN = ("json_api", "claude", "npm", "well_known", "sx")


class Lagging(MemoryStore):
    """Lists what it held when `lag` was called, as if what came since had not arrived everywhere."""

    _seen: tuple[Listed, ...] | None = None

    def lag(self) -> None:
        self._seen = tuple(super().list())

    def list(self, prefix: str = "") -> Iterator[Listed]:
        seen = super().list(prefix) if self._seen is None else iter(self._seen)
        return (item for item in seen if item.key.startswith(prefix))


def every(which: int, fault: str) -> Fault:
    return lambda seen: fault if seen.number % which == 0 else None


def denied(*verbs: str) -> Fault:
    return lambda seen: "AccessDenied" if seen.verb in verbs and "probe" not in seen.path else None


HEALED = {
    "503": every(9, "SlowDown"),
    "500": every(9, "InternalError"),
    "429": every(9, "TooManyRequests"),
    "connections cut": every(9, "cut"),
    "answers lost": every(9, "lose"),
    "answers late": every(25, "late"),
    "answers cut short": every(9, "short"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", HEALED.values(), ids=HEALED)
def test_a_bad_wire_is_healed_by_trying_again(two: Repo, bucket: Bucket, proxy: Proxy, fault: Fault) -> None:
    proxy.reset(fault)
    assert publish(bucket.store(proxy.url), two) is not None
    print(
        f"disturbed {sum(count for name, count in proxy.hits.items() if name)} of {len(proxy.seen)} requests"
    )
    assert sum(proxy.hits.values()) > proxy.hits[""]
    healed = promised(bucket.objects())
    bucket.fill({})
    publish(bucket.store(), two)
    assert promised(bucket.objects()) == healed


REFUSED: dict[str, tuple[Fault, str]] = {
    "PUT denied": (denied("PUT"), "no-permission"),
    "GET denied": (denied("GET"), "no-permission"),
    "HEAD denied": (denied("HEAD"), "no-permission"),
    "DELETE denied": (lambda seen: "AccessDenied" if seen.verb == "DELETE" else None, "no-permission"),
    "no bucket": (lambda _: "NoSuchBucket", "no-bucket"),
    "bad key": (lambda _: "SignatureDoesNotMatch", "bad-credentials"),
    "storm of 503": (lambda seen: "SlowDown" if seen.number > 30 else None, "s3-error"),
    "clock skew": (lambda _: "RequestTimeTooSkewed", "clock-skew"),
    "expired mid-way": (
        lambda seen: "ExpiredToken" if seen.number > 30 and seen.verb == "PUT" else None,
        "expired-credentials",
    ),
}


@pytest.mark.parametrize(("fault", "code"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_can_heal_is_named_and_the_next_run_goes_on(
    two: Repo, bucket: Bucket, proxy: Proxy, fault: Fault, code: str
) -> None:
    proxy.reset(fault)
    with pytest.raises(Trouble) as refused:
        publish(bucket.store(proxy.url, patience=replace(QUICK, attempts=2)), two)
    assert (refused.value.code, refused.value.exit_code) == (code, 3)
    assert refused.value.mend
    publish(bucket.store(), two, clock=Clock(NOW + timedelta(hours=1)))
    promised(bucket.objects())


def test_a_wrong_endpoint_is_named(two: Repo, bucket: Bucket) -> None:
    with pytest.raises(Trouble) as refused:
        publish(bucket.store("http://127.0.0.1:1", patience=Patience(attempts=2)), two)
    assert (refused.value.code, refused.value.exit_code) == ("no-endpoint", 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ({"AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
        ({"AWS_CONFIG_FILE": __file__}, f"Unable to parse config file: {__file__}"),
    ],
    ids=["none", "no such profile", "a broken file"],
)
def test_without_credentials_that_is_what_is_said(
    two: Repo, bucket: Bucket, tmp_path: Path, settings: Mapping[str, str], said: str
) -> None:
    env = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path / "home"), **settings}
    store = f"s3://{bucket.name}/reg?endpoint_url={bucket.server}&region=us-east-1"
    answer = skillpress("publish", "-C", two.path, "--to", store, env=env)
    assert (answer.code, answer.out) == (3, "")
    told = answer.err.splitlines()
    assert said in told[-1]
    assert told[-1].endswith("[no-credentials] (see docs/publish.md)")
    assert told[:-1] == []
    assert bucket.objects() == {}


def test_a_server_that_ignores_conditions_is_named_and_works_for_one_writer(
    two: Repo, bucket: Bucket, proxy: Proxy
) -> None:
    proxy.reset(lambda _: "unconditional")
    with pytest.raises(Trouble) as refused:
        publish(bucket.store(proxy.url), two)
    assert refused.value.code == "weak-store"
    assert bucket.objects() == {}
    publish(bucket.store(proxy.url, single_writer=True), two)
    promised(bucket.objects())


def test_an_unchanged_repository_costs_no_write(two: Repo, bucket: Bucket, proxy: Proxy) -> None:
    publish(bucket.store(), two)
    assert publish(bucket.store(proxy.url, patience=Patience()), two) is None
    print(f"unchanged: {dict(proxy.counts())}")
    assert proxy.counts().keys() <= {"GET", "HEAD"}
    assert len(proxy.seen) <= 12


def test_ten_changed_skills_cost_one_look_at_each_changed_key(
    two: Repo, bucket: Bucket, proxy: Proxy
) -> None:
    names = [f"skill-{number}" for number in range(10)]
    for name in names:
        two.skill(name)
    two.commit()
    publish(bucket.store(), two, emit=PLAIN)
    before = bucket.objects()
    for name in names:
        two.skill(name, "Do it better.")
    two.commit()
    publish(bucket.store(proxy.url, patience=Patience()), two, emit=PLAIN)
    after = bucket.objects()
    written = {key for key in after if after[key] != before.get(key)}
    changed = written & before.keys()
    print(
        f"ten changed skills: {dict(proxy.counts())} for {len(written)} keys, {len(changed)} of them changed"
    )
    put = {item.path.partition("/reg/")[2] for item in proxy.seen if item.verb == "PUT"}
    assert len({key for key in put if "probe" not in key}) == len(written)
    assert proxy.counts()["PUT"] <= len(written) + 5
    assert len(proxy.seen) <= len(written) + len(changed) + 40


@pytest.mark.parametrize("key", ["marketplace.json", "api/v1/index/alpha.json"])
def test_a_foreign_object_under_our_prefix_is_refused_by_name(two: Repo, bucket: Bucket, key: str) -> None:
    publish(bucket.store(), two)
    two.skill("alpha", "Do the work better.")
    two.commit()
    with bucket.store() as store:
        store.put(key, b"theirs")
    with pytest.raises(Trouble) as refused:
        publish(bucket.store(), two)
    assert (refused.value.code, refused.value.place) == ("changed-by-hand", key)
    assert bucket.objects()[key] == b"theirs"


def test_other_bytes_that_wait_at_a_digest_are_written_over_and_at_a_number_are_refused(
    two: Repo, bucket: Bucket
) -> None:
    """A digest says what its key must hold; a number that is taken was given out by somebody."""
    publish(bucket.store(), two, emit=PLAIN)
    first = bucket.objects()
    two.skill("alpha", "Do the work better.")
    two.commit()
    publish(bucket.store(), two, emit=PLAIN)
    whole = promised(bucket.objects())
    new = {key for key in whole.keys() - first.keys() if classify(key) is KeyClass.IMMUTABLE}
    bucket.restore({**first, **dict.fromkeys(new, b"theirs")})
    done = publish(bucket.store(), two, emit=PLAIN)
    assert done is not None
    assert set(done.healed) == new != set()
    assert promised(bucket.objects()) == whole
    taken = "api/skills/assets/alpha/2/alpha-2.zip"
    bucket.restore({**first, taken: b"theirs"})
    with pytest.raises(Trouble) as refused:
        publish(bucket.store(), two, emit=PLAIN)
    assert (refused.value.code, refused.value.place) == ("number-taken", taken)
    assert bucket.objects()[taken] == b"theirs"


def test_overwritten_immutable_bytes_come_back_with_reconcile(two: Repo, bucket: Bucket) -> None:
    publish(bucket.store(), two)
    whole = promised(bucket.objects())
    key = next(key for key in whole if key.endswith(".zip"))
    with bucket.store() as store:
        store.put(key, b"theirs")
    publish(bucket.store(), two, reconcile=True)
    assert promised(bucket.objects()) == whole


def test_uploads_that_were_cut_short_are_named_by_verify_and_healed_by_reconcile(
    two: Repo, bucket: Bucket, proxy: Proxy
) -> None:
    """moto takes half a body without a word; a server that looks at the checksum refuses it."""
    cut = ("/marketplace.json", "/list.txt", ".tgz")
    proxy.reset(lambda seen: "truncate" if seen.verb == "PUT" and seen.path.endswith(cut) else None)
    publish(bucket.store(proxy.url), two, emit=PLAIN)
    harmed = {key for key in bucket.objects() if f"/{key}".endswith(cut)}
    assert len(harmed) == proxy.hits["truncate"] > 3
    store = bucket.store()
    report = Verifier(reader=store).run()
    assert {fault.key for fault in report.faults if fault.kind == "other-bytes"} == harmed
    done = publish(store, two, emit=PLAIN, reconcile=True)
    assert done is not None
    assert set(done.healed) == harmed
    promised(bucket.objects())
    assert Verifier(reader=store).run().faults == []


def test_a_listing_that_lags_behind_makes_nothing_worse(two: Repo) -> None:
    store = Lagging(exclusive=False)
    publish(store, two, emit=PLAIN)
    two.skill("alpha", "Do the work better.")
    two.commit()
    store.lag()
    publish(store, two, emit=PLAIN)
    whole = dict(store.objects)
    done = publish(store, two, emit=PLAIN, reconcile=True)
    assert done is not None
    assert done.healed == ()
    assert promised(store.objects) == promised(whole)
    previous = Previous(store)
    delete(store, previous, prunable(previous, 2))
    assert promised(store.objects) == promised(whole)


def test_a_listing_that_is_denied_is_named(two: Repo, bucket: Bucket, proxy: Proxy) -> None:
    publish(bucket.store(), two, emit=PLAIN)
    proxy.reset(lambda seen: "AccessDenied" if "list-type" in seen.path else None)
    with pytest.raises(Trouble) as refused:
        publish(bucket.store(proxy.url), two, emit=PLAIN, reconcile=True)
    assert refused.value.code == "no-permission"


def test_a_restored_back_up_is_brought_to_the_same_numbers_and_bytes(two: Repo, bucket: Bucket) -> None:
    publish(bucket.store(), two)
    old = bucket.objects()
    two.skill("alpha", "Do the work better.")
    two.commit()
    publish(bucket.store(), two)
    new = bucket.objects()
    for restored in (old, {**new, "release.json": old["release.json"]}):
        bucket.fill(restored)
        publish(bucket.store(), two, reconcile=restored is not old)
        assert promised(bucket.objects()) == promised(new)
