"""A build that dies anywhere: readers see the old release or the new one, and the next run finishes.

The store of these tests dies at its n-th write, for every n. What is checked of each state in between is
what clients follow: `contracts.references`.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from content_repo import BASE_URL, Repo
from contracts.references import check_tree

from registry_builder.build import Build
from registry_builder.cli.options import opened
from registry_builder.core.errors import Busy
from registry_builder.core.key import KeyClass, classify
from registry_builder.previous import Previous
from registry_builder.publish import LEASE, Published, Publisher, is_noop, plan
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.memory import MemoryStore
from registry_builder.templates import load_templates

NOW = datetime(2026, 12, 1, tzinfo=UTC)
Edit = Callable[[Repo], None]


class RecordingStore(MemoryStore):
    """Remembers what it held before each write: what a publisher leaves that is killed there."""

    def __init__(self, objects: Mapping[str, bytes], *, exclusive: bool = True) -> None:
        super().__init__(exclusive)
        self.objects = dict(objects)
        self.states: list[dict[str, bytes]] = []

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        self.states.append(dict(self.objects))
        return super().put(key, body, expect=expect)


def publish(store: MemoryStore, repo: Repo, now: datetime = NOW) -> Published | None:
    """With the emitters that registry.toml of `repo` switches on."""
    with opened(repo.path, "HEAD", Flags(base_url=BASE_URL)) as (source, commit, settings), Spool() as spool:
        previous = Previous(store)
        if is_noop(previous, commit.id, settings):
            return None
        release = Build(source, commit, settings, previous, spool, load_templates()).run()
        publisher = Publisher(store, spool, previous, settings, "somebody", lambda: now)
        return publisher.apply(release, plan(release, previous))


def published(repo: Repo, objects: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    store = RecordingStore(objects or {})
    publish(store, repo)
    return store.objects


def deaths(repo: Repo, before: Mapping[str, bytes]) -> list[dict[str, bytes]]:
    """What is left by a publisher that dies of its n-th write, for every n."""
    store = RecordingStore(before)
    publish(store, repo)
    return store.states


def dangling(objects: Mapping[str, bytes], place: Path, before: Mapping[str, bytes]) -> list[str]:
    """Every reference that a reader of `objects` could follow into nothing; `before` had none.

    What only adds addresses of its own bytes needs no look: nothing refers to them yet.
    """
    new = {key for key, body in objects.items() if before.get(key) != body}
    if all(classify(key) is KeyClass.IMMUTABLE or key == "release.json" for key in new):
        return [] if before.keys() <= objects.keys() else ["something was deleted"]
    shutil.rmtree(place, ignore_errors=True)
    for key, body in objects.items():
        path = place / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return check_tree(place, BASE_URL)


def without_record(objects: Mapping[str, bytes]) -> dict[str, bytes]:
    view = Previous(RecordingStore(objects))
    assert view.pointer is not None
    assert view.pointer.complete
    return {key: objects[key] for key in view.view.every_pin()}


def frozen(objects: Mapping[str, bytes]) -> dict[str, bytes]:
    kept = (KeyClass.FROZEN, KeyClass.IMMUTABLE)
    return {key: body for key, body in objects.items() if classify(key) in kept}


def edit(repo: Repo) -> None:
    repo.skill("alpha", "Do the work better.")


def add(repo: Repo) -> None:
    repo.skill("gamma")
    repo.write("collections.toml", '[both]\ntitle = "Both"\nskills = ["alpha", "beta", "gamma"]\n')


def delete(repo: Repo) -> None:
    shutil.rmtree(repo.path / "skills/alpha")
    repo.write("collections.toml", '[both]\ntitle = "Both"\nskills = ["beta"]\n')


def rename(repo: Repo) -> None:
    shutil.rmtree(repo.path / "skills/alpha")
    repo.skill("delta")
    repo.write("collections.toml", '[both]\ntitle = "Both"\nskills = ["beta", "delta"]\n')


def drop_collection(repo: Repo) -> None:
    (repo.path / "collections.toml").unlink()


def yank(repo: Repo) -> None:
    repo.write("advisories.toml", '[[advisory]]\nskill = "alpha"\nstate = "yanked"\nreason = "it lies"\n')


def retitle(repo: Repo) -> None:
    repo.write("registry.toml", '[registry]\ntitle = "Another title"\n')


def retitle_collection(repo: Repo) -> None:
    repo.write("collections.toml", '[both]\ntitle = "The two"\nskills = ["alpha", "beta"]\n')


def everything(repo: Repo) -> None:
    rename(repo)
    repo.skill("beta", "Do more.")
    repo.skill("gamma")
    retitle(repo)


EDITS = [edit, add, delete, rename, drop_collection, yank, retitle, retitle_collection, everything]


@pytest.fixture
def begun(two: Repo) -> dict[str, bytes]:
    """The first release of two skills."""
    return published(two)


def test_first_release_that_dies_anywhere_dangles_nowhere_and_is_finished(two: Repo, tmp_path: Path) -> None:
    whole = without_record(published(two))
    for after, left in enumerate(deaths(two, {})):
        assert dangling(left, tmp_path / "state", {}) == [], f"died at write {after}"
        assert without_record(published(two, left)) == whole, f"died at write {after}"


@pytest.mark.parametrize("change", EDITS, ids=lambda change: change.__name__)
def test_release_that_dies_anywhere_dangles_nowhere_and_is_finished(
    two: Repo, begun: dict[str, bytes], tmp_path: Path, change: Edit
) -> None:
    change(two)
    two.commit()
    whole, states = without_record(published(two, begun)), deaths(two, begun)
    print(f"\n{change.__name__}: died at each of {len(states)} writes")
    for after, left in enumerate(states):
        assert dangling(left, tmp_path / "state", begun) == [], f"died at write {after}"
        assert without_record(published(two, left)) == whole, f"died at write {after}"


def test_every_emitter_that_dies_anywhere_dangles_nowhere_and_is_finished(two: Repo, tmp_path: Path) -> None:
    two.write("registry.toml", '[emit]\nenable = ["core", "extras"]\n')
    two.commit()
    begun = published(two)
    two.skill("alpha", "Do the work better.")
    two.commit()
    whole, states = without_record(published(two, begun)), deaths(two, begun)
    print(f"\npublish with every emitter: died at each of {len(states)} writes")
    for after, left in enumerate(states):
        assert dangling(left, tmp_path / "state", begun) == [], f"died at write {after}"
        assert without_record(published(two, left)) == whole, f"died at write {after}"


@pytest.mark.parametrize("change", EDITS, ids=lambda change: change.__name__)
def test_commit_that_moved_on_after_a_death_takes_nothing_back(
    two: Repo, begun: dict[str, bytes], tmp_path: Path, change: Edit
) -> None:
    change(two)
    two.commit()
    left = deaths(two, begun)
    two.skill("beta", "Something else again.")
    two.skill("epsilon")
    two.commit("Move on")
    for after, state in enumerate(left[::3]):
        finished = published(two, state)
        assert frozen(finished).items() >= frozen(state).items(), f"died at write {3 * after}"
        assert dangling(finished, tmp_path / "state", begun) == [], f"died at write {3 * after}"
        assert not Previous(RecordingStore(finished)).to_finish()
        assert published(two, finished) == finished


@pytest.mark.parametrize("moved", [False, True], ids=["same-commit", "commit-moved-on"])
@pytest.mark.parametrize("change", EDITS, ids=lambda change: change.__name__)
def test_two_deaths_in_a_row_are_finished_by_the_third(
    two: Repo, begun: dict[str, bytes], tmp_path: Path, change: Edit, moved: bool
) -> None:
    change(two)
    two.commit()
    chance = random.Random(change.__name__)
    first = chance.sample(deaths(two, begun), 8)
    if moved:
        two.skill("beta", "Something else again.")
        two.skill("epsilon")
        two.commit("Move on")
    for state in first:
        again = deaths(two, state)
        for left in chance.sample(again, min(len(again), 4)):
            assert dangling(left, tmp_path / "state", begun) == []
            finished = published(two, left)
            assert frozen(finished).items() >= frozen(left).items()
            assert dangling(finished, tmp_path / "state", begun) == []


def test_generation_of_a_living_publisher_is_left_alone_until_its_lease_ends(two: Repo) -> None:
    state = deaths(two, {})[20]
    store = RecordingStore(state, exclusive=False)
    with pytest.raises(Busy, match="somebody is publishing generation 1"):
        publish(store, two)
    assert store.objects == state
    assert publish(store, two, NOW + LEASE + timedelta(seconds=1)) is not None


def test_publisher_that_was_overtaken_stops_before_its_next_batch(two: Repo) -> None:
    class Overtaken(RecordingStore):
        def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
            tag = super().put(key, body, expect=expect)
            if key == "release.json":
                self.objects[key] = body.replace(b'"owner":"somebody"', b'"owner":"another"')
            return tag

    store = Overtaken({}, exclusive=False)
    with pytest.raises(Busy, match="another publisher took over"):
        publish(store, two)
    assert all(classify(key) is KeyClass.IMMUTABLE for key in store.objects.keys() - {"release.json"})
