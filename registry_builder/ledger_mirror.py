"""The ledger on a ref of a Git host: a back-up that every publish renews, never by force."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from registry_builder.core.errors import Busy, Missing, Misuse, Trouble, Unfit
from registry_builder.core.ledger import Document
from registry_builder.ledger_file import exported, head_of, imported, minted
from registry_builder.previous import Previous
from registry_builder.source import Commit

FILE = "ledger.jsonl"
_WHO = "skillpress <skillpress@localhost>"
_HERE = "refs/skillpress/there"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
# What a content repository may say about how a host is reached; CI keeps its token there.
_REACH = r"^(http|credential|url)\.|^core\.(sshcommand|askpass|gitproxy)$"


@dataclass(frozen=True, slots=True)
class Mirror:
    """A ref of a repository: `url` is where, `reach` the configuration that gets us in, as key and value."""

    url: str
    ref: str
    reach: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.ref} of {_CREDENTIALS.sub('', self.url)}"


def mirror_at(content: Path, remote: str, ref: str) -> Mirror:
    """The mirror `ref` of `remote`: a URL, or a name in the repository at `content`. Raises Misuse."""
    if not ref.startswith("refs/") or _try(["git", "check-ref-format", ref]) is None:
        mend = 'write a whole one, such as "refs/skillpress/ledger"'
        raise Misuse("bad-ref", f"{ref!r} is no ref", place="ledger_ref", mend=mend)
    if not remote or remote.startswith("-"):
        raise Misuse(
            "bad-remote", f"{remote!r} is no remote", place="ledger_remote", mend="name one, or a URL"
        )
    git = ["git", "-C", str(content)]
    named = _try([*git, "remote", "get-url", "--push", "--", remote])
    if named is None and not re.search(r"[/:]", remote):
        mend = f"git remote add {remote} URL, or name another"
        raise Misuse("bad-remote", f"there is no remote {remote}", place="ledger_remote", mend=mend)
    url = (named or remote.encode()).decode().splitlines()[0]
    if not re.match(r"[^/]*:", url):
        url = str((content / url).resolve())
    rows = (_try([*git, "config", "--includes", "--local", "-z", "--get-regexp", _REACH]) or b"").split(b"\0")
    pairs = (row.decode("utf-8", "surrogateescape").partition("\n") for row in rows if row)
    return Mirror(url, ref, tuple((key, value) for key, _, value in pairs))


def read_mirror(mirror: Mirror) -> bytes:
    """The ledger that `mirror` holds. Raises Missing, Trouble."""
    with _opened(mirror) as there:
        body = there.ledger()
    if body is None:
        mend = "look at the URL and the ref"
        raise Missing("no-mirror", "there is no ledger", place=str(mirror), mend=mend)
    return body


def check_mirror(documents: Mapping[str, Document], mirror: Mirror) -> None:
    """Raises Busy when `mirror` knows versions that `documents`, about to be published, lack or have anew.

    A mirror that is not there yet is no matter. Raises Trouble, Unfit for one that cannot be read.
    """
    with _opened(mirror) as there:
        body = there.ledger()
    known = imported(body).documents if body else {}
    for name, document in documents.items():
        ours = [minted(row) for row in document.versions]
        theirs = [minted(row) for row in known[name].versions] if name in known else []
        if theirs != ours[: len(theirs)]:
            raise Busy(
                "mirror-ahead",
                f"it has versions of {name} that this release would give out again",
                place=str(mirror),
                mend="the bucket was lost or is an old back-up: skillpress ledger import --from-ref",
            )


def renew_mirror(previous: Previous, mirror: Mirror, commit: Commit) -> str | None:
    """Commit the ledger of `previous` on top of what `mirror` holds; gives the id, None if it was there.

    Raises Busy when somebody else pushed meanwhile or holds a newer generation, Trouble.
    """
    pointer = previous.pointer
    if pointer is None:
        raise AssertionError("a mirror is renewed after a release")
    with _opened(mirror) as there:
        before = there.ledger()
        if before is not None:
            head = head_of(before)
            if (head.root, head.generation) == (previous.view.root_sha256, pointer.generation):
                return None
            if head.generation > pointer.generation:
                raise Busy(
                    "mirror-ahead",
                    f"it holds generation {head.generation}, and the bucket is at {pointer.generation}",
                    place=str(mirror),
                    mend="restore the bucket with skillpress ledger import --from-ref, or choose another ref",
                )
        body = b"".join(exported(previous, pointer, before))
        tip = there.commit(body, f"Ledger at generation {pointer.generation}", commit.time)
        there.push(tip)
        return tip


@dataclass(frozen=True, slots=True)
class _There:
    """A temporary bare repository with the tip of the mirror, None when the ref is not there yet."""

    folder: Path
    mirror: Mirror
    tip: str | None

    def ledger(self) -> bytes | None:
        if self.tip is None:
            return None
        body = _try([*_git(self.folder), "cat-file", "blob", f"{self.tip}:{FILE}"])
        if body is None:
            raise Unfit(
                "bad-mirror", f"there is no {FILE}", place=str(self.mirror), mend="choose another ref"
            )
        return body

    def commit(self, body: bytes, subject: str, time: str) -> str:
        blob = self._made(["hash-object", "-w", "--stdin"], body)
        tree = self._made(["mktree"], f"100644 blob {blob}\t{FILE}\n".encode())
        seconds = int(datetime.fromisoformat(time).timestamp())
        parent = f"parent {self.tip}\n" if self.tip else ""
        who = f"{_WHO} {seconds} +0000"
        text = f"tree {tree}\n{parent}author {who}\ncommitter {who}\n\n{subject}\n"
        return self._made(["hash-object", "-w", "-t", "commit", "--stdin"], text.encode())

    def _made(self, words: list[str], given: bytes) -> str:
        return _run([*_git(self.folder), *words], self.mirror, given).decode().strip()

    def push(self, tip: str) -> None:
        words = ["push", "--porcelain", "--no-verify", "--", self.mirror.url, f"{tip}:{self.mirror.ref}"]
        _run([*_git(self.folder), *words], self.mirror)


@contextmanager
def _opened(mirror: Mirror) -> Iterator[_There]:
    with tempfile.TemporaryDirectory(prefix="skillpress-") as name:
        folder = Path(name)
        _run(["git", "init", "-q", "--bare", "--template=", name], mirror)
        with (folder / "config").open("a", encoding="utf-8", errors="surrogateescape") as config:
            config.writelines(_config_line(key, value) for key, value in mirror.reach)
        git = _git(folder)
        listed = _run([*git, "ls-remote", "--", mirror.url, mirror.ref], mirror).decode()
        rows = [line.split("\t") for line in listed.splitlines()]
        tip = next((id_ for id_, ref in rows if ref == mirror.ref), None)
        if tip:
            fetched = f"+{mirror.ref}:{_HERE}"
            _run([*git, "fetch", "-q", "--no-tags", "--depth=1", "--", mirror.url, fetched], mirror)
            tip = _run([*git, "rev-parse", _HERE], mirror).decode().strip()
        yield _There(folder, mirror, tip)


def _config_line(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    middle, _, last = rest.rpartition(".")
    inner = f' "{_escaped(middle)}"' if middle else ""
    return f'[{section}{inner}]\n\t{last} = "{_escaped(value)}"\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _git(folder: Path) -> list[str]:
    return ["git", "--git-dir", str(folder)]


def _try(words: list[str]) -> bytes | None:
    done = subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def _run(words: list[str], mirror: Mirror, given: bytes = b"") -> bytes:
    """What a git command prints. Raises Busy for a push that was refused, Trouble."""
    done = subprocess.run(words, capture_output=True, check=False, input=given)
    if done.returncode == 0:
        return done.stdout
    said = _CREDENTIALS.sub("", (done.stdout + done.stderr).decode("utf-8", "replace")).strip()
    refused = [line for line in said.splitlines() if line.startswith("!") or "rejected]" in line]
    if refused:
        reason = " ".join(refused[0].split("\t")[-1].split())
        mend = "the next publish tries again"
        raise Busy("push-rejected", f"the push was refused: {reason}", place=str(mirror), mend=mend)
    last = said.splitlines()[-1] if said else f"git ended with {done.returncode}"
    raise Trouble("git-failed", last, place=str(mirror), mend="try git ls-remote with the same URL by hand")
