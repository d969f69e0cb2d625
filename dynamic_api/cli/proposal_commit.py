"""A proposal as one commit of a local clone, on a branch of its own.

The commit is written by `git fast-import`: no work tree, index, hook or filter has a part in it, and it names
no path outside the folder of the one skill. What goes into it was read strictly.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry_builder.core.artifact.paths import flaw_of
from registry_builder.core.errors import Trouble, Unfit
from registry_builder.core.folder import File
from registry_builder.core.shown import shown

ROOTS: Mapping[str, str] = {
    "skill": "skills",
    "agent": "agents",
    "command": "commands",
    "rule": "rules",
    "hook": "hooks",
    "mcp": "mcp",
    "claude-code-plugin": "plugins",
}
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ALLOWED_DOT = ".claude-plugin"
_UNSAFE_NAME = re.compile(r"[<>\n\r\0]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What is committed. `replaces`: the folder is nothing but `files` afterwards."""

    slug: str
    type: str
    files: Sequence[File]
    removed: Sequence[str] = ()
    replaces: bool
    author: str
    message: str
    branch: str


def make(clone: Path, content: str, commit: Commit) -> str:
    """Write the commit; gives its id. Raises Unfit for what may not be in it, Trouble when Git fails."""
    paths = [*(file.path for file in commit.files), *commit.removed]
    require_fit(commit.slug, paths)
    folder = f"{_root(clone, content, commit.type)}/{commit.slug}"
    head = _git(clone, "rev-parse", "--verify", "HEAD^{commit}").strip()
    if _git(clone, "for-each-ref", "--format=x", f"refs/heads/{commit.branch}").strip():
        mend = f"delete it first: git branch -D {commit.branch}"
        raise Unfit("branch-exists", f"there is a branch {commit.branch}", place=str(clone), mend=mend)
    committer = _git(clone, "var", "GIT_COMMITTER_IDENT").strip()
    _git(clone, "fast-import", "--quiet", "--done", stdin=_stream(commit, folder, head, committer))
    made = _git(clone, "rev-parse", "--verify", f"refs/heads/{commit.branch}").strip()
    _require_inside(clone, commit.branch, head, made, folder)
    return made


def require_fit(slug: str, paths: Iterable[str]) -> None:
    """Raise Unfit for a slug or path that a commit may not have: nothing hidden but `.claude-plugin/`."""
    if not _SLUG.fullmatch(slug):
        raise Unfit("bad-slug", f"{shown(slug)!r} is no name of a skill", mend="reject the proposal")
    for path in paths:
        flaw = flaw_of(path)
        hidden = [part for part in path.split("/") if part.startswith(".") and part != _ALLOWED_DOT]
        if flaw is not None or hidden or path == _ALLOWED_DOT:
            why = flaw.message if flaw else "it is hidden"
            raise Unfit("bad-path", f"{shown(path)!r} cannot be taken: {why}", mend="reject the proposal")


def _root(clone: Path, content: str, kind: str) -> str:
    """The folder of a type, by the clone's own registry.toml."""
    base = f"{content.strip('/')}/" if content.strip("/") else ""
    text = _git(clone, "show", f"HEAD:{base}registry.toml", missing="")
    try:
        roots = tomllib.loads(text).get("content", {}).get("roots", {})
    except tomllib.TOMLDecodeError as error:
        raise Unfit("bad-toml", str(error), place=f"{base}registry.toml") from error
    named = roots.get("plugin" if kind == "claude-code-plugin" else kind) if isinstance(roots, dict) else None
    root = str(named or ROOTS.get(kind, "skills")).strip("/")
    if flaw_of(root) is not None:
        raise Unfit("bad-root", f"{root!r} is no folder", place=f"{base}registry.toml")
    return f"{base}{root}"


def _stream(commit: Commit, folder: str, head: str, committer: str) -> bytes:
    stamp = committer.rpartition(">")[2].strip()
    message = commit.message.encode("utf-8", "replace")
    lines: list[bytes] = [
        f"commit refs/heads/{commit.branch}\n".encode(),
        f"author {_author(commit.author)} {stamp}\n".encode(),
        f"committer {committer}\n".encode(),
        b"data %d\n%s\n" % (len(message), message),
        f"from {head}\n".encode(),
    ]
    if commit.replaces:
        lines.append(b"D %s\n" % _quoted(folder))
    lines += [b"D %s\n" % _quoted(f"{folder}/{path}") for path in commit.removed]
    for file in commit.files:
        mode = b"100755" if file.executable else b"100644"
        place = _quoted(f"{folder}/{file.path}")
        lines.append(b"M %s inline %s\ndata %d\n%s\n" % (mode, place, len(file.data), file.data))
    return b"".join([*lines, b"\ndone\n"])


def _author(name: str) -> str:
    plain = _UNSAFE_NAME.sub("", name).strip() or "unknown"
    address = plain if "@" in plain else f"{plain.replace(' ', '-')}@proposals.invalid"
    return f"{plain.partition('@')[0]} <{address}>"


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode()


def _require_inside(clone: Path, branch: str, head: str, made: str, folder: str) -> None:
    """The last look: the commit touches the folder, and nothing else; if not, it is gone again."""
    changed = _git(clone, "diff-tree", "-r", "-z", "--no-renames", "--name-only", head, made).split("\0")
    paths = [path for path in changed if path]
    if paths and all(path.startswith(f"{folder}/") for path in paths):
        return
    _git(clone, "update-ref", "-d", f"refs/heads/{branch}", made)
    if not paths:
        raise Unfit("nothing-changes", f"{folder} is like that already", mend="reject the proposal")
    raise AssertionError(f"the commit would touch {paths[0]}")


def _git(clone: Path, *command: str, stdin: bytes | None = None, missing: str | None = None) -> str:
    """The output of Git; `missing` stands for a failure. Raises Trouble."""
    done = subprocess.run(["git", "-C", str(clone), *command], input=stdin, capture_output=True, check=False)
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    if missing is not None:
        return missing
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    what = f"git {command[0]}: {said[-1] if said else 'failed'}"
    raise Trouble("git", what, place=str(clone), mend="name a clone of the content repository with --repo")
