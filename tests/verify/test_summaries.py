"""Summaries in few nodes, and registries of old that have one for each bin: read, proven, built further."""

from __future__ import annotations

from pathlib import Path

import pytest
from history import Registry, make_repo, skill
from verify.conftest import BASE, look, store_of
from verify.forgery import Forgery

from registry_builder.core.key import node_key
from registry_builder.core.tree import bin_of, summary_of
from registry_builder.previous import Previous
from registry_builder.settings import Flags
from registry_builder.store.memory import MemoryStore

FLAGS = Flags(name="reg", base_url=BASE)
NAMES = [f"skill-{number}" for number in range(40)]
FEW = 4


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, MemoryStore]:
    """A repository of forty skills and a bucket of it."""
    repo, store = make_repo(tmp_path / "repo"), MemoryStore()
    repo.commit({f"skills/{name}/SKILL.md": skill(name) for name in NAMES})
    Registry(store, FLAGS).build(repo.path)
    repo.commit({"skills/skill-7/SKILL.md": skill("skill-7", "Better.")})
    return repo.path, store


def old(store: MemoryStore) -> MemoryStore:
    """The same with a node of summaries for each bin."""
    forgery = Forgery(dict(store.objects))
    forgery.seal(lambda label: label)
    made = store_of(forgery.objects)
    root = Previous(made).view.root
    assert root.summaries.keys() == root.bins.keys() == {bin_of(name) for name in NAMES}
    return made


def test_a_build_reads_few_nodes_of_summaries_and_writes_those_that_changed(
    built: tuple[Path, MemoryStore],
) -> None:
    repo, store = built
    before = Previous(store).view.root.summaries
    assert before.keys() == {summary_of(bin_of(name)) for name in NAMES}
    assert len(before) <= FEW
    Registry(store, FLAGS).build(repo)
    after = Previous(store).view.root.summaries
    assert {label for label in after if after[label] != before[label]} == {summary_of(bin_of("skill-7"))}


def test_a_registry_of_old_holds(built: tuple[Path, MemoryStore]) -> None:
    report = look(old(built[1]))
    assert (report.faults, report.unread) == ([], [])
    assert report.checked["names"] == len(NAMES)


def test_a_registry_of_old_becomes_with_the_next_build_what_a_new_one_is(
    built: tuple[Path, MemoryStore],
) -> None:
    repo, store = built
    was_old = old(store)
    Registry(store, FLAGS).build(repo)
    Registry(was_old, FLAGS).build(repo)
    new, upgraded = Previous(store).view, Previous(was_old).view
    assert upgraded.root_sha256 == new.root_sha256
    assert upgraded.every_pin() == new.every_pin()
    report = look(was_old, repo)
    assert (report.faults, report.unread) == ([], [])


def test_a_lost_node_of_a_registry_of_old_is_named(built: tuple[Path, MemoryStore]) -> None:
    made = old(built[1])
    key = node_key(Previous(made).view.root.summaries[bin_of("skill-3")])
    del made.objects[key]
    assert key in {fault.key for fault in look(made).faults}


def test_old_and_new_nodes_in_one_root_are_named(built: tuple[Path, MemoryStore]) -> None:
    forgery = Forgery(dict(built[1].objects))
    forgery.seal(lambda label: label if label < "40" else summary_of(label))
    assert "wrong-bin" in {fault.kind for fault in look(store_of(forgery.objects)).faults}
