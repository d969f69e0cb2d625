"""A content repository made by Git itself with fixed dates, and the command run on it as a person would."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASE_URL = "https://skills.example/registry"
COMMAND = (sys.executable, "-m", "registry_builder.cli")
_DAY, _FIRST = 86_400, 1_790_000_000


@dataclass(slots=True)
class Repo:
    """A work tree at `path`; each commit is a day younger than the one before."""

    path: Path
    _commits: int = field(default=0)

    @classmethod
    def init(cls, path: Path) -> Repo:
        path.mkdir(parents=True, exist_ok=True)
        repo = cls(path)
        repo.git("init", "-q", "-b", "main")
        return repo

    def git(self, *words: str | bytes, stdin: bytes = b"") -> str:
        date = f"{_FIRST + self._commits * _DAY} +0000"
        env = {**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        done = subprocess.run(
            ["git", "-C", str(self.path), *words], input=stdin, capture_output=True, env=env, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, path: str, body: str | bytes, *, executable: bool = False) -> None:
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body.encode() if isinstance(body, str) else body)
        place.chmod(0o755 if executable else 0o644)

    def skill(self, name: str, text: str = "Do the work.", *, root: str = "skills") -> None:
        self.write(f"{root}/{name}/SKILL.md", skill_text(name, text))

    def commit(self, message: str = "Change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self._commits += 1
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, entries: Sequence[tuple[bytes, bytes, bytes]], message: str = "Plumb") -> str:
        """Commit exactly `entries` (mode, path, body): what no work tree could hold, too."""
        self.git("read-tree", "--empty")
        rows = []
        for mode, path, body in entries:
            name = (
                body.decode() if mode == b"160000" else self.git("hash-object", "-w", "--stdin", stdin=body)
            )
            rows.append(mode + b" " + name.encode() + b"\t" + path + b"\0")
        self.git("-c", "core.protectNTFS=false", "update-index", "-z", "--index-info", stdin=b"".join(rows))
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self._commits += 1
        return self.git("rev-parse", "HEAD")


def skill_text(name: str, text: str = "Do the work.") -> str:
    """A SKILL.md without a finding."""
    head = (
        f"---\nname: {name}\ndescription: Does {name}. Use it when {name} is asked for.\nlicense: MIT\n---\n"
    )
    return f"{head}\n# {name}\n\n{text}\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def skillpress(
    *words: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    stdin: str = "",
) -> Answer:
    """Run the command as a process of its own. `prefix` is a program that runs it, such as `setpriv …`."""
    done = subprocess.run(
        [*prefix, *COMMAND, *map(str, words)],
        cwd=cwd,
        env=environment(env),
        input=stdin.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: this one, the checkout importable, and `extra`."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}


def build(repo: Repo | Path, target: Path, *words: str) -> Answer:
    """`skillpress build` with the base URL of these tests."""
    place = repo.path if isinstance(repo, Repo) else repo
    return skillpress("build", "-C", place, "--to", target, "--base-url", BASE_URL, *words)


def tree(root: Path) -> dict[str, tuple[int, str]]:
    """Key → mode and digest of every file below `root`, and mode of every folder; nothing left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        body = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[path.relative_to(root).as_posix()] = (mode, body)
    return found


def record_keys(root: Path) -> set[str]:
    """release.json and the chain of records that hangs from it: what tells who and when (D13)."""
    found = {"release.json"}
    sha256 = json.loads((root / "release.json").read_bytes())["record"]
    while sha256:
        found.add(f"r/{sha256}")
        sha256 = json.loads((root / f"r/{sha256}").read_bytes())["previous"]
    return found


def promised(root: Path) -> dict[str, tuple[int, str]]:
    """What the promise of byte identity covers: the tree without its record."""
    record = record_keys(root)
    return {key: value for key, value in tree(root).items() if key not in record}


def fill(repo: Repo) -> str:
    """Two skills, one of them with a script, and a collection of both; gives the commit."""
    repo.skill("alpha")
    repo.skill("beta")
    repo.write("skills/beta/scripts/run.sh", "#!/bin/sh\necho beta\n", executable=True)
    repo.write("collections.toml", '[both]\ntitle = "Both"\nskills = ["alpha", "beta"]\n')
    return repo.commit("Begin")
