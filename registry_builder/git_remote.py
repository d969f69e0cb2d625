"""Pushes the commits of the emitter `git` to a branch of a Git host, for clients that need a smart server."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry_builder.core.errors import Busy, Misuse, Trouble
from registry_builder.core.tree import HistoryNode
from registry_builder.emit import git
from registry_builder.previous import View

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Remote:
    """A branch of a repository on a Git host."""

    url: str
    branch: str

    def __str__(self) -> str:
        return f"{self.branch} of {_CREDENTIALS.sub('', self.url)}"


def check_remote(remote: Remote, emitters: Sequence[str]) -> None:
    """Raises Misuse when nothing could be pushed to `remote`."""
    if "git" not in emitters:
        message = "the emitter git is off, so there is nothing to push"
        raise Misuse("no-git", message, place="--git-remote", mend="add git to --emit or to [emit] enable")
    ref = f"refs/heads/{remote.branch}"
    if subprocess.run(["git", "check-ref-format", ref], check=False).returncode:
        raise Misuse("bad-branch", f"{remote.branch!r} is no branch", place="--git-branch")


def push(view: View, remote: Remote) -> str:
    """Push the tip of what `view` holds, and give its id. Never by force.

    Raises Busy when the branch has other commits, Trouble.
    """
    history = view.history
    state = history.states.get("git") if history else None
    if history is None or state is None:
        raise AssertionError("a release of the emitter git has its history")
    tip = git.tip_of(bytes(state))
    with tempfile.TemporaryDirectory(prefix="skillpress-") as folder:
        _unpack(view, history, Path(folder))
        _run(Path(folder), remote, tip)
    return tip


def _unpack(view: View, history: HistoryNode, folder: Path) -> None:
    for name in ("objects/pack", "refs/heads"):
        (folder / name).mkdir(parents=True)
    for key in history.keys:
        body, path = view.reader.get(key), folder / key.split("/", 2)[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def _run(folder: Path, remote: Remote, tip: str) -> None:
    refs = f"{tip}:refs/heads/{remote.branch}"
    command = ["git", "--git-dir", str(folder), "push", "--porcelain", "--", remote.url, refs]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    said = _CREDENTIALS.sub("", (done.stdout + done.stderr).decode("utf-8", "replace")).strip()
    if "[rejected]" in said:
        raise Busy(
            "push-rejected",
            "the branch has commits that are not in this repository, and a push is never forced",
            place=str(remote),
            mend="choose a branch that nobody else writes; after a quarantine, delete it there and run again",
        )
    last = said.splitlines()[-1] if said else f"git push ended with {done.returncode}"
    raise Trouble("push-failed", last, place=str(remote), mend="try git push by hand with the same URL")
