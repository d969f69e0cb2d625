"""What a runner gives to a step: a workspace, a folder for temporary files, and the two files to write to."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from content_repo import ROOT, Repo, fill

ACTION = ROOT / ".github/actions/skillpress"


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the step "Run" of our action as GitHub does, on the repository in `workspace`."""

    workspace: Path
    temporary: Path

    def run(self, **inputs: str) -> Step:
        action = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
        step = next(item for item in action["runs"]["steps"] if item.get("id") == "run")
        defaults = {name: item.get("default", "") for name, item in action["inputs"].items()}
        known = {f"inputs.{name}": text for name, text in defaults.items()}
        known |= {f"inputs.{name.replace('_', '-')}": text for name, text in inputs.items()}
        known["github.action_path"] = str(ACTION)
        summary, outputs = self.temporary / "summary.md", self.temporary / "outputs"
        for file in (summary, outputs):
            file.write_text("")
        script = self.temporary / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.workspace,
            env={
                **os.environ,
                **{name: known[text.strip("${} ")] for name, text in step["env"].items()},
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.temporary),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_OUTPUT": str(outputs),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        rows = outputs.read_text("utf-8").splitlines()
        return Step(
            done.returncode,
            done.stdout + done.stderr,
            summary.read_text("utf-8"),
            dict(row.split("=", 1) for row in rows),
        )


@pytest.fixture
def content(tmp_path: Path) -> Repo:
    """A content repository with two skills, and a registry.toml that says where it is served."""
    repo = Repo.init(tmp_path / "workspace")
    repo.write("registry.toml", '[registry]\nname = "acme"\nbase_url = "https://skills.example"\n')
    fill(repo)
    return repo


@pytest.fixture
def runner(content: Repo, tmp_path: Path) -> Runner:
    """A runner where the step "Install" is done: its program is that of this environment."""
    programs = tmp_path / "temporary/skillpress/venv/bin"
    programs.mkdir(parents=True)
    (programs / "skillpress").symlink_to(Path(sys.executable).with_name("skillpress"))
    return Runner(content.path, tmp_path / "temporary")


class _Quiet(SimpleHTTPRequestHandler):
    def log_request(self, *_: object) -> None:
        """Say nothing."""

    def log_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An empty folder and the URL that serves it, without listings of what is missing."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
