"""A Git commit as folders: reads objects, never the work tree, and follows no link.

Refs and commits by GitPython; trees and blobs through one `git cat-file --batch`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from registry_builder.core.errors import Missing, Trouble, Unfit
from registry_builder.core.folder import File, Folder, Stray, sorted_files
from registry_builder.core.ledger import Moment
from registry_builder.git_objects import Objects, parse_diff, parse_tree

if TYPE_CHECKING:
    import git

_FOLDER, _LINK, _MODULE, _EXECUTABLE = b"40000", b"120000", b"160000", b"100755"
_AT_ONCE, _FEW = 1000, 20
_NO_FILE = {_FOLDER: "a folder", _LINK: "a symbolic link", _MODULE: "a submodule"}
_OWN_FILES = ("registry.toml", "collections.toml", "advisories.toml")


@dataclass(frozen=True, slots=True)
class Listing:
    """An asset's folder at some commit, not read yet."""

    name: str
    type: str
    path: str
    tree: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its id, its committer time and the id of its tree."""

    id: str
    time: str
    tree: str

    @property
    def moment(self) -> Moment:
        return Moment(self.id, self.time)


@dataclass(frozen=True, slots=True)
class Step:
    """A first-parent commit of a replay: path → listing of what it changed, None where a folder went."""

    moment: Moment
    changed: Mapping[str, Listing | None]
    own_files: frozenset[str]


def rfc3339(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class _Content:
    """What the trees of one folder list, by path."""

    listing: Listing
    blobs: list[tuple[str, bool, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The objects that `folder` takes, in order."""
        return [id_ for _, _, id_ in self.blobs] + [id_ for _, id_ in self.links]

    def folder(self, bodies: Iterator[bytes]) -> Folder:
        listing = self.listing
        files = [File(path, next(bodies), executable) for path, executable, _ in self.blobs]
        links = [
            Stray(path, "symlink", next(bodies).decode("utf-8", "surrogateescape")) for path, _ in self.links
        ]
        strays = (*self.strays, *links)
        return Folder(listing.name, listing.path, listing.tree, sorted_files(files), strays, listing.type)


class Source:
    """A repository and the folder in it that holds the content; `prefix` is "" or ends in a slash."""

    def __init__(self, repository: git.Repo, folder: str) -> None:
        self.repository = repository
        self.objects = Objects(str(repository.git_dir))
        self.prefix = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.objects.close()
        self.repository.close()

    @property
    def origin(self) -> str | None:
        """The URL of the remote "origin", without credentials; None when there is none."""
        if "origin" not in [remote.name for remote in self.repository.remotes]:
            return None
        return re.sub(r"(?<=://)[^/@]*@", "", self.repository.remotes["origin"].url)

    @property
    def place(self) -> Path:
        """Where the repository is: its work tree, or itself when it is bare."""
        return Path(self.repository.working_tree_dir or self.repository.git_dir).resolve()

    @property
    def folder_name(self) -> str:
        """What the repository's folder is called, without ".git"."""
        return self.place.name.removesuffix(".git")

    def commit(self, rev: str) -> Commit:
        """The commit that `rev` names. Raises Missing."""
        import git  # 60 ms that `--help` need not pay

        try:
            name = self.repository.git.rev_parse("--verify", "--end-of-options", f"{rev}^{{commit}}")
        except (git.GitCommandError, ValueError) as error:
            if rev == "HEAD":
                raise Missing(
                    "empty-repo", "the repository has no commit yet", mend="commit something"
                ) from error
            raise Missing("no-rev", f"no such revision: {rev}", mend="see git log --all") from error
        # GitPython reads no commit whose ids are SHA-256.
        head = next(self.objects.read([name])).partition(b"\n\n")[0].split(b"\n")
        fields = dict(line.split(b" ", 1) for line in reversed(head) if b" " in line)
        seconds = int(fields[b"committer"].rsplit(b" ", 2)[1])
        return Commit(name, rfc3339(seconds), fields[b"tree"].decode())

    def locate(self, commit: Commit, roots: Mapping[str, str]) -> None:
        """Choose where the content is: where the caller pointed, or `content/` below it."""
        below = f"{self.prefix}content/"
        known = {*roots.values(), *_OWN_FILES}
        here = {name.decode("utf-8", "replace") for _, name, _ in self._children(commit.tree, self.prefix)}
        first = {root.split("/")[0] for root in known}
        if not here & first and "content" in here:
            there = {name.decode("utf-8", "replace") for _, name, _ in self._children(commit.tree, below)}
            if there & first:
                self.prefix = below

    def _children(self, tree: str, path: str) -> list[tuple[bytes, bytes, str]]:
        for part in path.strip("/").split("/") if path.strip("/") else ():
            wanted = part.encode("utf-8", "surrogateescape")
            entries = self.objects.entries(tree)
            found = next((id_ for mode, name, id_ in entries if name == wanted and mode == _FOLDER), None)
            if found is None:
                return []
            tree = found
        return list(self.objects.entries(tree))

    def own_file(self, commit: Commit, name: str) -> bytes | None:
        """The bytes of a file at the content's root, None when it is not there. Raises Unfit."""
        for mode, entry, id_ in self._children(commit.tree, self.prefix):
            if entry == name.encode():
                if mode in _NO_FILE:
                    raise Unfit("not-a-file", f"is {_NO_FILE[mode]}", place=name, mend="make it a file")
                return next(self.objects.read([id_]))
        return None

    def listings(self, commit: Commit, roots: Mapping[str, str]) -> dict[str, Listing]:
        """Path → listing of every asset's folder, sorted by path."""
        found = {}
        for kind, root in roots.items():
            for mode, name, id_ in self._children(commit.tree, self.prefix + root):
                if mode == _FOLDER:
                    path = f"{self.prefix}{root}/{name.decode('utf-8', 'surrogateescape')}"
                    found[path] = Listing(path.rsplit("/", 1)[1], kind, path, id_)
        return dict(sorted(found.items()))

    def folders(self, listings: Iterable[Listing]) -> Iterator[Folder]:
        """Each listing's folder, read whole: what is no regular file is a stray.

        One at a time is in memory, but Git is asked for many at once.
        """
        rest = iter(listings)
        while contents := [_Content(listing) for listing in islice(rest, _AT_ONCE)]:
            self._list(contents)
            if len(contents) < _FEW:
                yield from (content.folder(self.objects.read(content.ids)) for content in contents)
                continue
            bodies = self.objects.stream([id_ for content in contents for id_ in content.ids])
            for content in contents:
                yield content.folder(bodies)

    def folder(self, listing: Listing) -> Folder:
        """The folder at `listing`."""
        return next(self.folders([listing]))

    def _list(self, contents: list[_Content]) -> None:
        """Fill `contents` from their trees, one level of all of them after the other."""
        level = [(content, "", content.listing.tree) for content in contents]
        while level:
            below: list[tuple[_Content, str, str]] = []
            bodies = self.objects.read([tree for _, _, tree in level])
            for (content, base, tree), body in zip(level, bodies, strict=True):
                for mode, raw, id_ in parse_tree(body, len(tree) // 2):
                    path = base + raw.decode("utf-8", "surrogateescape")
                    if mode == _FOLDER:
                        below.append((content, f"{path}/", id_))
                    elif mode == _MODULE:
                        content.strays.append(Stray(path, "submodule", id_))
                    elif mode == _LINK:
                        content.links.append((path, id_))
                    else:
                        content.blobs.append((path, mode == _EXECUTABLE, id_))
            level = below

    def any_folder(self, commit: Commit, paths: Iterable[str]) -> bool:
        """Whether one of `paths`, from the top of the repository, is a folder at `commit`."""
        return any(self._children(commit.tree, path) for path in paths)

    def trees_at(self, places: Iterable[tuple[str, str]]) -> list[str | None]:
        """The tree of the folder at each (commit, path), None where there is none; no path spans lines."""
        asked = "".join(f"{commit}^{{commit}}:{path}\n" for commit, path in places)
        out = self._git("cat-file", "--batch-check", stdin=asked.encode(errors="surrogateescape"))
        return [tree.decode() or None for tree in re.findall(rb"(?:(\w+) tree \d+|.*)\n", out)]

    def descends(self, commit: Commit, older: str) -> bool:
        """Whether `older` is known here and among the ancestors of `commit`."""
        command = ["git", "--git-dir", str(self.repository.git_dir), "merge-base", "--is-ancestor"]
        return subprocess.run([*command, older, commit.id], capture_output=True, check=False).returncode == 0

    def shallow(self) -> bool:
        """Whether the clone lacks history."""
        return str(self.repository.git.rev_parse("--is-shallow-repository")) == "true"

    def history(self, commit: Commit, roots: Mapping[str, str]) -> Iterator[Step]:
        """First-parent commits from the oldest to `commit`, with what each changed below the roots."""
        walk = self._git("rev-list", "--first-parent", "--reverse", "--timestamp", "--parents", commit.id)
        lines = [line.split() for line in walk.decode().splitlines()]
        pairs = "".join(" ".join(line[1:3]) + "\n" for line in lines)
        paths = [f"{self.prefix}{name}" for name in (*roots.values(), *_OWN_FILES)]
        spec = ["--root", "-r", "-t", "-z", "--no-renames", "--stdin", "--", *paths]
        changes = parse_diff(self._git("diff-tree", *spec, stdin=pairs.encode()))
        for stamp, name, *_ in lines:
            rows = changes.get(name, [])
            yield Step(Moment(name, rfc3339(int(stamp))), self._changed(rows, roots), self._touched(rows))

    def _changed(
        self, rows: list[tuple[str, str, str]], roots: Mapping[str, str]
    ) -> dict[str, Listing | None]:
        kinds = {f"{self.prefix}{root}": kind for kind, root in roots.items()}
        found: dict[str, Listing | None] = {}
        for mode, id_, path in rows:
            parent, _, name = path.rpartition("/")
            if parent in kinds:
                found[path] = Listing(name, kinds[parent], path, id_) if mode == "040000" else None
        return found

    def _touched(self, rows: list[tuple[str, str, str]]) -> frozenset[str]:
        own = {f"{self.prefix}{name}": name for name in _OWN_FILES}
        return frozenset(own[path] for _, _, path in rows if path in own)

    def _git(self, *words: str, stdin: bytes = b"") -> bytes:
        command = ["git", "--literal-pathspecs", "--git-dir", str(self.repository.git_dir), *words]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        if done.returncode:
            raise Trouble("git-failed", f"git {words[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done.stdout


def open_source(place: Path) -> Source:
    """The repository at or above `place`. Raises Missing when there is none."""
    import git  # 60 ms that `--help` need not pay

    try:
        repository = git.Repo(place, search_parent_directories=True)
    except (git.NoSuchPathError, git.InvalidGitRepositoryError) as error:
        what = "no such folder" if isinstance(error, git.NoSuchPathError) else "not in a Git repository"
        raise Missing("no-repo", what, place=str(place), mend="skillpress init makes one") from error
    folder = ""
    if repository.working_tree_dir:
        inside = place.resolve().relative_to(Path(repository.working_tree_dir).resolve()).as_posix()
        folder = "" if inside == "." else f"{inside}/"
    return Source(repository, folder)
