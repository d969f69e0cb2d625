"""The emitter by itself: what it reads, when it folds packs and begins anew; a publisher that dies."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from content_repo import BASE_URL, Repo, fill
from samples import SITE, document, row

from registry_builder.build import Build
from registry_builder.cli.options import opened
from registry_builder.core.folder import File
from registry_builder.core.ledger import QUARANTINED, Document, Moment
from registry_builder.emit import git
from registry_builder.emit.base import Chapter, summarise
from registry_builder.emit.git_tree import problem_of
from registry_builder.previous import Previous
from registry_builder.publish import Publisher, plan
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.memory import MemoryStore
from registry_builder.templates import load_templates

FOLDER = "git/acme.git"


class Told:
    """A repository in memory, told release by release; `read` and `asked` say what was looked at."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.keys: tuple[str, ...] = ()
        self.state: bytes | None = None
        self.read: list[str] = []
        self.asked: list[str] = []

    def tell(
        self, documents: Mapping[str, Document], bodies: Mapping[str, bytes], changed: Sequence[str]
    ) -> None:
        self.read, self.asked = [], []
        chapter = Chapter(
            summaries=[summarise(documents[name]) for name in sorted(documents)],
            changed={name: documents[name] for name in changed},
            moment=Moment("c" * 40, "2026-11-20T10:00:00Z"),
            state=self.state,
            rewrite=False,
            files=lambda name: self._files(name, bodies),
            read=self._read,
        )
        told = git.emit_history(chapter, SITE, self.objects.__setitem__)
        self.state, self.keys = told.state, told.keys
        assert set(told.keys) <= set(self.objects)

    def packs(self) -> list[str]:
        return [key for key in self.keys if key.endswith(".pack")]

    def checked(self, place: Path) -> str:
        """Write what is told, and nothing else, as files; the commits that Git finds there."""
        return checked({key: self.objects[key] for key in self.keys}, place, FOLDER)

    def _files(self, name: str, bodies: Mapping[str, bytes]) -> tuple[File, ...]:
        self.asked.append(name)
        return (File("SKILL.md", bodies[name]), File("run.sh", b"#!/bin/sh\n", executable=True))

    def _read(self, key: str) -> bytes:
        self.read.append(key)
        return self.objects[key]


def checked(objects: Mapping[str, bytes], place: Path, folder: str) -> str:
    for key, body in objects.items():
        path = place / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    for words in (["fsck", "--strict", "--full"], ["log", "--format=%H", "main"]):
        done = subprocess.run(["git", "-C", place / folder, *words], capture_output=True)
        assert (done.returncode, done.stderr) == (0, b""), (words, done.stderr.decode())
    return done.stdout.decode()


def versions(name: str, count: int) -> Document:
    return document(name, *(row(number, name) for number in range(1, count + 1)))


def test_only_what_changed_is_read_and_packed(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(50)]
    documents = {name: versions(name, 1) for name in names}
    bodies = {name: f"Skill {name}".encode() * 1_000 for name in names}
    told = Told()
    told.tell(documents, bodies, names)
    assert told.asked == sorted(names)
    (first,) = told.packs()
    documents["s7"], bodies["s7"] = versions("s7", 2), b"New."
    told.tell(documents, bodies, ["s7"])
    assert told.asked == ["s7"]
    assert told.read == [first.replace(".pack", ".idx")]
    second = told.packs()[1]
    assert len(told.objects[second]) < 60_000
    assert len(told.objects[first]) > 400_000
    told.tell(documents, bodies, ["s8"])
    assert (told.asked, told.read, told.packs()) == ([], [], [first, second])
    assert len(told.checked(tmp_path).split()) == 2


def test_many_small_packs_become_one_and_no_commit_is_lost(tmp_path: Path) -> None:
    told = Told()
    counts = []
    for number in range(1, git.FOLD + 5):
        told.tell({"aa": versions("aa", number)}, {"aa": f"Text {number}".encode()}, ["aa"])
        counts.append(len(told.packs()))
    assert counts == [*range(1, git.FOLD + 1), 1, 2, 3, 4]
    assert len(told.checked(tmp_path).split()) == git.FOLD + 4


def test_large_content_is_split_into_packs_that_stay(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(6)]
    documents = {name: versions(name, 1) for name in names}
    bodies = {name: name.encode() * 3_000_000 for name in names}
    told = Told()
    told.tell(documents, bodies, names)
    sizes = [len(told.objects[key]) for key in told.packs()]
    assert [size >= git.LIMIT for size in sizes] == [True, True, False]
    assert max(sizes) < git.LIMIT + 7_000_000
    big = told.packs()[:2]
    for number in range(2, git.FOLD + 4):
        documents["s0"], bodies["s0"] = versions("s0", number), f"Text {number}".encode()
        told.tell(documents, bodies, ["s0"])
    assert told.packs()[:2] == big
    assert len(told.packs()) < git.FOLD
    assert set(big).isdisjoint(told.read)
    assert len(told.checked(tmp_path).split()) == git.FOLD + 3


def test_history_begins_anew_once_when_something_is_quarantined(tmp_path: Path) -> None:
    told, bodies = Told(), {"aa": b"Good.", "bb": b"Fine."}
    documents = {"aa": versions("aa", 1), "bb": versions("bb", 1)}
    told.tell(documents, bodies, ["aa", "bb"])
    documents["aa"], bodies["aa"] = versions("aa", 2), b"Evil."
    told.tell(documents, bodies, ["aa"])
    evil = told.packs()[-1]
    documents["aa"] = document("aa", row(1, "aa"), row(2, "aa", state=QUARANTINED))
    bodies["aa"] = b"Good."
    told.tell(documents, bodies, ["aa"])
    assert told.asked == ["aa", "bb"]
    assert evil not in told.packs()
    assert b"Evil." not in b"".join(told.objects[key] for key in told.keys)
    documents["bb"], bodies["bb"] = versions("bb", 2), b"Finer."
    for changed in (["bb"], ["aa", "bb"]):
        told.tell(documents, bodies, changed)
    assert len(told.checked(tmp_path).split()) == 2


def test_nothing_to_serve_is_a_repository_without_plugins(tmp_path: Path) -> None:
    told = Told()
    told.tell({}, {}, [])
    assert len(told.checked(tmp_path).split()) == 1


MANIFEST = ".claude-plugin/plugin.json"
PROBLEMS = [
    ({"manifest": False}, {"SKILL.md": b""}, ""),
    ({"manifest": False}, {".claude-plugin": b""}, ""),
    ({"manifest": False, "type": "agent"}, {".claude-plugin": b""}, "in the way"),
    ({"manifest": False, "type": "agent"}, {".Claude-Plugin/x": b""}, "in the way"),
    ({"manifest": False}, {"a/.git/config": b""}, "means something to Git"),
    ({"manifest": True}, {MANIFEST: b'{"name": "aa", "more": [1]}'}, ""),
    ({"manifest": True}, {MANIFEST: b'{"name": "bb"}'}, "calls it "),
    ({"manifest": True}, {MANIFEST: b'{"name": 5}'}, "no name that can be read"),
    ({"manifest": True}, {MANIFEST: b"{"}, "no name that can be read"),
    ({"manifest": True}, {MANIFEST: b'{"name": "\xff"}'}, "no name that can be read"),
    ({"manifest": True}, {MANIFEST: b'{"x": ' + b"[" * 50_000 + b"]" * 50_000}, "no name that can be read"),
    ({"manifest": True}, {}, "no name that can be read"),
]


@pytest.mark.parametrize(("changes", "bodies", "problem"), PROBLEMS)
def test_why_a_plugin_is_left_out(changes: dict[str, object], bodies: dict[str, bytes], problem: str) -> None:
    summary = summarise(document("aa", **changes))
    told = problem_of(summary, [File(path, body) for path, body in bodies.items()])
    assert problem in told if problem else told == ""


class Died(BaseException):
    """The process is gone."""


class DyingStore(MemoryStore):
    """Dies of its `left`-th write."""

    def __init__(self, objects: Mapping[str, bytes], left: int) -> None:
        super().__init__()
        self.objects = dict(objects)
        self.left = left

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        if self.left == 0:
            raise Died
        self.left -= 1
        return super().put(key, body, expect=expect)


def publish(repo: Repo, objects: Mapping[str, bytes], left: int = 10**6) -> tuple[dict[str, bytes], int]:
    """What is there when a publisher ended or died, and how many writes it had left."""
    store = DyingStore(objects, left)
    flags = Flags(base_url=BASE_URL, name="reg", emit=("git",))
    with opened(repo.path, "HEAD", flags) as (source, commit, settings), Spool() as spool:
        previous = Previous(store)
        now = datetime(2026, 12, 1, tzinfo=UTC)
        try:
            release = Build(source, commit, settings, previous, spool, load_templates()).run()
            publisher = Publisher(store, spool, previous, settings, "somebody", lambda: now)
            publisher.apply(release, plan(release, previous))
        except Died:
            pass
    return store.objects, store.left


@pytest.mark.parametrize("moves_on", [False, True])
def test_a_publisher_that_dies_anywhere_leaves_a_repository_that_is_whole(
    tmp_path: Path, moves_on: bool
) -> None:
    repo = Repo.init(tmp_path / "content")
    fill(repo)
    before, _ = publish(repo, {})
    old = checked(before, tmp_path / "old", "git/reg.git").split()
    repo.skill("alpha", "Changed.")
    changed = repo.commit()
    whole, left = publish(repo, before)
    new = checked(whole, tmp_path / "new", "git/reg.git").split()
    assert new[1:] == old
    for after in range(10**6 - left):
        repo.git("reset", "-q", "--hard", changed)
        died, _ = publish(repo, before, after)
        seen = checked(died, tmp_path / f"died-{after}", "git/reg.git").split()
        assert seen in (old, new), f"died at write {after}"
        if moves_on:
            repo.skill("beta", f"Moved on {after}.")
            repo.commit()
        finished, _ = publish(repo, died)
        log = checked(finished, tmp_path / f"finished-{after}", "git/reg.git").split()
        assert log[-len(seen) :] == seen, f"what was seen after {after} writes is no longer in history"
        if not moves_on:
            assert log == new
            assert {key for key in finished if key.startswith("git/")} == {
                key for key in whole if key.startswith("git/")
            }
