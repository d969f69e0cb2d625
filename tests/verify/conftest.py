"""A registry with everything in it, built once: versions, a collection, extras, a tombstone, a quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from history import Registry, Repo, make_repo, skill

from registry_builder.cli import run
from registry_builder.cli.verify import Look
from registry_builder.settings import Flags
from registry_builder.store.base import Reader
from registry_builder.store.filesystem import FilesystemStore
from registry_builder.store.memory import MemoryStore
from registry_builder.verify.report import Report

BASE = "https://skills.test/reg"
FLAGS = Flags(name="reg", base_url=BASE)
THINGS = '[things]\ntitle = "Things"\ndescription = "The lot"\nskills = ["alpha", "beta"]\n'


@dataclass(frozen=True)
class World:
    """A repository, what a bucket of it holds after each of its generations, and its quarantined keys."""

    repo: Path
    generations: list[Mapping[str, bytes]] = field(default_factory=list)
    revoked: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def now(self) -> dict[str, bytes]:
        return dict(self.generations[-1])


def fill(repo: Repo) -> list[str]:
    """Four commits: the names, a second version, a deletion, a bad skill; gives their ids."""
    first = repo.commit(
        {
            "registry.toml": '[emit]\nenable = ["core", "extras"]\n',
            "collections.toml": THINGS,
            "skills/alpha/SKILL.md": skill("alpha", version="0.1"),
            "skills/alpha/notes.md": "First.\n",
            "skills/beta/SKILL.md": skill("beta"),
            "skills/gone/SKILL.md": skill("gone"),
            "agents/helper/AGENT.md": skill("helper", model="sonnet"),
        }
    )
    second = repo.commit({"skills/alpha/notes.md": "Second.\n", "skills/bad/SKILL.md": skill("bad")})
    third = repo.commit({"skills/gone": None})
    return [first, second, third]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = tmp_path_factory.mktemp("world")
    repo, out = make_repo(place / "repo"), place / "out"
    generations = []
    for commit in fill(repo):
        Registry(FilesystemStore(out), FLAGS).build(repo.path, commit)
        generations.append(objects_in(out))
    words = ["-C", str(repo.path), "--to", str(out), "--base-url", BASE, "--name", "reg"]
    assert run(["quarantine", "bad", "--reason", "steals keys", *words]) == 0
    generations.append(objects_in(out))
    gone = {
        key: body
        for key, body in generations[-2].items()
        if key not in generations[-1]
        and "/bad/" in key
        and key.startswith(("api/v1/downloads", "api/skills/assets/bad/1/", "t/"))
    }
    assert len(gone) == 5
    return World(repo.path, generations, gone)


def objects_in(out: Path) -> dict[str, bytes]:
    """Key → bytes of a built folder."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def store_of(objects: Mapping[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    store.objects = dict(objects)
    return store


def look(reader: Reader, repo: Path | None = None, flags: Flags = FLAGS, parallel: int = 1) -> Report:
    """What `verify` finds in `reader`; with `repo` it builds again."""
    found = Look("it", flags, repo, None, strict=False)
    found.run(reader, parallel)
    return found.report
