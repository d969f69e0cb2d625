"""Runs the scripts of our own skills as their users do: as programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTENT = ROOT / "content"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def find_node() -> str | None:
    """The node program: from PATH, or where the client tests keep theirs."""
    beside = ROOT / "tests" / "clients" / "node_modules" / ".bin" / "node"
    return shutil.which("node") or (str(beside) if beside.exists() else None)


def interpreter(script: Path) -> list[str]:
    """The command that SKILL.md tells an agent to start `script` with."""
    if script.suffix == ".py":
        return [sys.executable, "-W", "error"]
    if script.suffix == ".sh":
        return ["sh"]
    node = find_node()
    if node is None:
        pytest.skip("node is neither on PATH nor under tests/clients/node_modules/.bin")
    return [node]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No user configuration, a plain locale and a time zone far from UTC."""
    home = tmp_path / "home-of-nobody"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    """`run("skills/x/scripts/y.py", "arg", stdin="…")` gives code, output and errors."""

    def start(
        path: str, *args: object, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        script = CONTENT / path
        return subprocess.run(
            [*interpreter(script), str(script), *map(str, args)],
            input=stdin,
            cwd=cwd or tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return start


class Repository:
    """A Git repository in a temporary folder, with fixed author and dates."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        path.mkdir()
        self.path = path
        self.environment = environment
        self.seconds = 1_700_000_000
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Ada Lovelace")
        self.git("config", "user.email", "ada@example.com")

    def git(self, *args: str) -> str:
        """The output of one git command."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout

    def write(self, name: str, data: str | bytes) -> None:
        """Write and stage one file."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        self.git("add", "--force", "--", name)

    def commit(self, message: str, days: int = 1) -> str:
        """Commit what is staged, `days` after the last commit; gives the short id."""
        self.seconds += days * 86_400
        self.environment["GIT_AUTHOR_DATE"] = self.environment["GIT_COMMITTER_DATE"] = f"{self.seconds} +0000"
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "--short=8", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path, environment: dict[str, str]) -> Repository:
    """An empty Git repository."""
    return Repository(tmp_path / "repo", environment)
