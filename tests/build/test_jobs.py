"""A build in several processes gives what one process gives, and leaves no process behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
from content_repo import BASE_URL, Repo

from registry_builder.build import Build, Refused
from registry_builder.cli.options import opened
from registry_builder.core.errors import OverBudget, Trouble
from registry_builder.jobs import in_turn
from registry_builder.previous import Previous
from registry_builder.release import Release
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.memory import MemoryStore
from registry_builder.templates import load_templates

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every process that a test started has ended and was waited for; other tests' servers may go on."""
    before = children()
    yield
    assert children() - before == set()


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


@dataclass(frozen=True)
class Built:
    """A release, the bodies of all its keys, and how often each thing was told."""

    release: Release
    bodies: dict[str, bytes]
    told: dict[str, int]


def build(repo: Repo, jobs: int, *, skip_invalid: bool) -> Built:
    flags = Flags(base_url=BASE_URL, skip_invalid=skip_invalid)
    told: dict[str, int] = {}

    def tick(what: str) -> None:
        told[what] = told.get(what, 0) + 1

    with opened(repo.path, "HEAD", flags) as (source, commit, settings), Spool() as spool:
        previous = Previous(MemoryStore())
        release = Build(
            source, commit, settings, previous, spool, load_templates(), tick=tick, jobs=jobs
        ).run()
        return Built(release, {key: spool.get(key) for key in sorted(spool)}, told)


@pytest.fixture
def broken(repo: Repo) -> Repo:
    """170 skills in one commit: some with warnings, three without front matter, one that sx refuses."""
    for number in range(170):
        text = "See /home/somebody/notes." if number % 7 == 0 else "Do it."
        repo.skill(f"skill-{number}", text)
        repo.write(f"skills/skill-{number}/references/guide.md", f"# Guide {number}\n")
    repo.write("skills/skill-40/metadata.toml", "[asset]\nclients = [1]\n")
    repo.write("collections.toml", '[some]\ntitle = "Some"\nskills = ["skill-3", "skill-90"]\n')
    for number in (12, 77, 169):
        repo.write(f"skills/skill-{number}/SKILL.md", "no front matter\n")
    repo.commit()
    return repo


@pytest.mark.parametrize("jobs", [2, 3, 9])
def test_any_number_of_processes_gives_the_same_release_and_bodies(broken: Repo, jobs: int) -> None:
    assert build(broken, jobs, skip_invalid=True) == build(broken, 1, skip_invalid=True)


def test_what_one_process_refuses_two_refuse_with_the_same_findings(broken: Repo) -> None:
    found = []
    for jobs in (1, 2):
        with pytest.raises(Refused) as caught:
            build(broken, jobs, skip_invalid=False)
        found.append(caught.value.findings)
    assert found[0] == found[1]
    assert {finding.name for finding in found[0] if finding.level == "error"} >= {"skill-12", "skill-77"}


def test_results_come_in_the_order_of_the_parts_and_no_process_is_left() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield from (f"{part} by {part % 3}".encode() for part in range(number, 10, 3))

    assert list(in_turn(3, 10, work)) == [f"{part} by {part % 3}".encode() for part in range(10)]


def test_a_refusal_keeps_its_class_and_all_it_says() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield b"one"
        raise OverBudget("over-budget", "too big", place="a/key", mend="cut it")

    results = in_turn(2, 4, work)
    assert [next(results), next(results)] == [b"one", b"one"]
    with pytest.raises(OverBudget, match=r"a/key: too big \[over-budget\] \(cut it\)"):
        next(results)


def test_a_mistake_of_ours_is_told_with_its_traceback() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield from {}["nothing"]

    with pytest.raises(AssertionError, match="KeyError: 'nothing'"):
        list(in_turn(2, 2, work))


def test_a_process_that_is_killed_is_named_and_the_others_end() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield b"one"
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    results = in_turn(2, 4, work)
    assert [next(results), next(results)] == [b"one", b"one"]
    with pytest.raises(Trouble, match=r"ended by signal 9 \[helper-lost\]"):
        next(results)


def test_leaving_early_ends_every_process() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield b"one"
        signal.pause()

    results = in_turn(2, 4, work)
    assert next(results) == b"one"
    results.close()  # type: ignore[attr-defined]
