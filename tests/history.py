"""Content repositories made commit by commit with fixed dates, and the ledger that builds of them leave."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from registry_builder.build import Build
from registry_builder.core.config import RegistryFile, read
from registry_builder.core.ledger import Document
from registry_builder.core.tree import Pin
from registry_builder.previous import Previous
from registry_builder.publish import Publisher, is_noop, plan
from registry_builder.release import Release
from registry_builder.settings import ROOTS, Flags, settle
from registry_builder.source import open_source
from registry_builder.spool import Spool
from registry_builder.store.base import Store
from registry_builder.store.memory import MemoryStore
from registry_builder.templates import load_templates

EPOCH = 1_700_000_000


def skill(name: str, text: str = "Text.", **fields: str) -> str:
    """A SKILL.md that passes every rule."""
    extra = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return f"---\nname: {name}\ndescription: Does {name} for tests.\n{extra}---\n# {name}\n\n{text}\n"


@dataclass(slots=True)
class Repo:
    """A Git repository at `path`, one commit a minute."""

    path: Path
    clock: int = EPOCH
    trees: dict[str, str] = field(default_factory=dict)

    def git(self, *words: str, date: int | None = None) -> str:
        stamp = f"{date or self.clock} +0000"
        env = {**os.environ, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        done = subprocess.run(
            ["git", "-C", str(self.path), *words], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str | bytes | None, *, executable: bool = False) -> None:
        """Write, or with None remove, a file."""
        place = self.path / path
        if text is None:
            self.git("rm", "-rq", path)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)
        place.chmod(0o755 if executable else 0o644)

    def commit(self, files: dict[str, str | bytes | None] | None = None, *, seconds: int = 60) -> str:
        """Commit `files` over what is there; gives the commit id."""
        for path, text in (files or {}).items():
            self.write(path, text)
        self.clock += seconds
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "step")
        return self.git("rev-parse", "HEAD")


def make_repo(path: Path) -> Repo:
    """An empty repository."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo(path)
    repo.git("init", "-q", "-b", "main")
    return repo


@dataclass(slots=True)
class Registry:
    """A store that is built into, and what came of it."""

    store: Store = field(default_factory=MemoryStore)
    flags: Flags = field(default_factory=lambda: Flags(name="reg", base_url="https://skills.test"))

    def build(self, repo: Path, rev: str = "HEAD") -> Release | None:
        """Build `rev` into the store; None when there was nothing to do."""
        from datetime import UTC, datetime

        with open_source(repo) as source, Spool() as spool, self.store as store:
            commit = source.commit(rev)
            source.locate(commit, ROOTS)
            file = read(source.own_file(commit, "registry.toml"), RegistryFile, "registry.toml")
            settings = settle(file, self.flags, folder_name=source.folder_name, origin=source.origin)
            previous = Previous(store)
            if is_noop(previous, commit.id, settings):
                return None
            release = Build(source, commit, settings, previous, spool, load_templates()).run()
            moment = datetime.fromtimestamp(EPOCH, UTC)
            Publisher(store, spool, previous, settings, "test", lambda: moment).apply(
                release, plan(release, previous)
            )
            return release

    def document(self, name: str) -> Document | None:
        """The ledger document of `name`."""
        return Previous(self.store).view.document(name)

    def versions(self, name: str) -> list[tuple[int, str]]:
        """(version, tree) of every row."""
        document = self.document(name)
        return [(row.version, row.tree) for row in document.versions] if document else []

    def pins(self) -> dict[str, Pin]:
        """Every key that the root pins."""
        return Previous(self.store).view.every_pin()
