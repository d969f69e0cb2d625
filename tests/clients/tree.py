"""A content repo with a few skills, the registry built from it, and folders as values to compare."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .namespace import HOST

NAME = "reg"
PORT = 8443
BASE = f"https://{HOST}:{PORT}"
BUNDLE = "papers"
MEMBERS = ("alpha", "beta")
SKILLS = (*MEMBERS, "gamma")
ROOT = Path(__file__).resolve().parents[2]
SKILLPRESS = (sys.executable, "-m", "registry_builder.cli")

Files = dict[str, tuple[bytes, bool]]
"""Path → bytes, and whether it is executable."""

_SKILL = """\
---
name: {name}
description: {description}
license: MIT
---

# {name}

Run `sh scripts/run.sh` and read [the notes](references/notes.md).
"""
_COLLECTIONS = f"""\
[{BUNDLE}]
title = "Papers"
description = "Two skills that belong together"
skills = ["alpha", "beta"]
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """A content repo and the folder that is built from it."""

    repo: Path
    dist: Path

    def commit(self, files: Mapping[str, bytes], executable: tuple[str, ...] = ()) -> None:
        """Commit `files` (path → bytes) on top of what is there."""
        for path, data in files.items():
            target = self.repo / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(0o755 if path in executable else 0o644)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "Change skills")

    def build(self) -> None:
        """Publish HEAD into `dist`, as an operator does."""
        self._skillpress("build")

    def roll_back(self, name: str, generation: int) -> None:
        """Serve `name` as `generation` did."""
        self._skillpress("rollback", name, "--to-generation", str(generation))

    def _skillpress(self, *words: str) -> None:
        told = ["--to", self.dist, "-C", self.repo, "--base-url", BASE, "--name", NAME]
        done = subprocess.run([*SKILLPRESS, *words, *told], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def in_git(self, name: str) -> Files:
        """The files of the skill `name` as HEAD holds them."""
        found: Files = {}
        for row in self._git("ls-tree", "-r", "-z", f"HEAD:skills/{name}").split(b"\0")[:-1]:
            about, _, path = row.partition(b"\t")
            mode, _, blob = about.decode().split(" ")
            found[path.decode()] = (self._git("cat-file", "blob", blob), mode == "100755")
        return found

    def tree(self, name: str) -> str:
        """Git's id of the folder of the skill `name`."""
        return self._git("rev-parse", f"HEAD:skills/{name}").decode().strip()

    def document(self, key: str) -> Any:
        """The JSON that was published under `key`."""
        return json.loads((self.dist / key).read_bytes())

    def _git(self, *arguments: str) -> bytes:
        return subprocess.run(["git", "-C", self.repo, *arguments], check=True, capture_output=True).stdout


def begin(folder: Path) -> Registry:
    """A new repo with three skills, two of them in a collection, published once."""
    registry = Registry(folder / "repo", folder / "dist")
    write(registry.repo, '[emit]\nenable = ["core", "extras"]\n')
    registry.build()
    return registry


def write(repo: Path, settings: str) -> None:
    """Make the repo with those skills and a registry.toml of `settings`."""
    registry = Registry(repo, repo)
    repo.mkdir()
    registry._git("init", "--quiet")
    registry.commit(
        {
            "collections.toml": _COLLECTIONS.encode(),
            "registry.toml": settings.encode(),
            **skill("alpha", "Turns a page into notes."),
            **skill("beta", "Prüft Zitate: „Straße“, 日本語 and 🙂."),
            "skills/beta/assets/a b + ü (1).txt": b"spaces, a plus, an umlaut\r\n",
            "skills/beta/assets/-50% #1 'quoted' [x] $HOME &.txt": b"what shells and URLs give a meaning to",
            "skills/beta/assets/日本語 🙂.md": b"no newline at the end",
            "skills/beta/assets/bytes.bin": bytes(range(256)),
            "skills/beta/assets/empty.txt": b"",
            "skills/beta/.hidden/note.txt": b"dots\n",
            **skill("gamma", "Belongs to no collection."),
        },
        executable=tuple(f"skills/{name}/scripts/run.sh" for name in SKILLS),
    )


def skill(name: str, description: str) -> dict[str, bytes]:
    """The files of a skill that has a script and a reference, by their path in the repo."""
    return {
        f"skills/{name}/SKILL.md": _SKILL.format(
            name=name, description=json.dumps(description, ensure_ascii=False)
        ).encode(),
        f"skills/{name}/references/notes.md": b"# Notes\n\nNothing yet.\n",
        f"skills/{name}/scripts/run.sh": f"#!/bin/sh\necho {name}\n".encode(),
    }


def in_folder(folder: Path) -> Files:
    """All files below `folder`; a link in there is a mistake, since no skill has one."""
    found: Files = {}
    for path in sorted(folder.rglob("*")):
        assert not path.is_symlink(), path
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = (
                path.read_bytes(),
                bool(path.stat().st_mode & 0o111),
            )
    return found


def bytes_of(files: Files) -> dict[str, bytes]:
    """`files` without executable bits, for clients that do not keep them."""
    return {path: data for path, (data, _) in files.items()}
