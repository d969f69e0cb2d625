"""A skill out of a repository: the folder at a pinned commit, as the values that everything else works on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO

from dynamic_api.errors import Absent, Inside, Refusal, Unprocessable, Upstream
from dynamic_api.outbound.github import GitHub, Pinned
from dynamic_api.outbound.github_url import parse_url
from dynamic_api.outbound.tar_reader import TAR, Archive, TarEntry, TarLimits, read_tar
from registry_builder.core.artifact import Limits, pack
from registry_builder.core.errors import Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File, Folder, Stray, git_tree, sorted_files
from registry_builder.core.frontmatter import read_front_matter
from registry_builder.core.rules import Policy, check_folder, name_problem
from registry_builder.core.shown import shown
from registry_builder.core.skill import Skill

PROMPT = "SKILL.md"
MOST_SUGGESTIONS = 10
LENIENT = Policy(preset="lenient")
UPLOAD = Limits()


@dataclass(frozen=True, slots=True)
class Imported:
    """A folder of a repository. `artifact` is its canonical zip, whose digest is `sha256`.

    `skill` is None exactly if a finding has level "error": then it must not be taken. `ref` is what was
    asked for, `commit` what it was.
    """

    repository: str
    ref: str
    commit: str
    path: str
    folder: Folder
    artifact: bytes
    sha256: str
    skill: Skill | None
    findings: tuple[Finding, ...]


async def import_folder(
    github: GitHub,
    url: str,
    *,
    policy: Policy = LENIENT,
    limits: Limits = UPLOAD,
    tar_limits: TarLimits = TAR,
) -> Imported:
    """The folder that `url` names. Raises Invalid, Absent, Unprocessable, Limited, Upstream, TimedOut."""
    pinned = await github.pin(parse_url(url, github.host.web))
    async with github.archive(pinned) as file:
        folder = await asyncio.to_thread(take_folder, file, pinned, limits, tar_limits)
    return await asyncio.to_thread(_imported, pinned, folder, policy)


@dataclass(slots=True)
class _Taken:
    """What is in the folder `prefix` (with its slash, "" for all), and where else skills are."""

    prefix: str
    limits: Limits
    left: int
    files: list[File] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    is_file: bool = False

    def wants(self, path: str, size: int) -> bool:
        if path.rpartition("/")[2] == PROMPT and len(self.elsewhere) < MOST_SUGGESTIONS:
            self.elsewhere.append(path.rpartition("/")[0])
        if not path.startswith(self.prefix):
            self.is_file = self.is_file or path == self.prefix[:-1]
            return False
        self.left -= size
        if self.left < 0:
            raise _too_big(f"{self.limits.unpacked_bytes} bytes", self.prefix)
        if len(self.files) + len(self.strays) == self.limits.files:
            raise _too_big(f"{self.limits.files} files", self.prefix)
        return True

    def add(self, entry: TarEntry) -> None:
        path = entry.path.removeprefix(self.prefix)
        if entry.target is None:
            self.files.append(File(path, entry.data, entry.executable))
        else:
            self.strays.append(Stray(path, "symlink", entry.target))


def take_folder(file: IO[bytes], pinned: Pinned, limits: Limits, tar_limits: TarLimits) -> Folder:
    """The folder `pinned.path` out of the archive. Raises Absent, Unprocessable, Upstream."""
    taken = _Taken(f"{pinned.path}/" if pinned.path else "", limits, limits.unpacked_bytes)
    archive = Archive()
    for entry in read_tar(file, taken.wants, tar_limits, archive):
        taken.add(entry)
    if archive.comment not in (None, pinned.commit):
        raise Upstream("bad_archive", "the archive is of another commit than was asked for")
    if not taken.files and not taken.strays:
        raise _absent(pinned, taken)
    if not any(file.path == PROMPT for file in taken.files):
        raise _no_skill(pinned, taken)
    files = sorted_files(taken.files)
    name = _name(pinned, files)
    return Folder(name, pinned.path or name, git_tree(files), files, tuple(taken.strays))


def _name(pinned: Pinned, files: Iterable[File]) -> str:
    """The name in the front matter if it can be one; else the folder's, or the repository's."""
    prompt = next(file for file in files if file.path == PROMPT)
    front, _ = read_front_matter(prompt.data)
    said = front.fields.get("name") if front else None
    if isinstance(said, str) and not name_problem(said):
        return said
    return pinned.path.rpartition("/")[2] or pinned.place.repo


def _imported(pinned: Pinned, folder: Folder, policy: Policy) -> Imported:
    try:
        artifact = pack(folder.files)
    except Unfit as error:
        message = f"the folder cannot be packed: {error.message}"
        raise Unprocessable("invalid_skill", message, place=Inside(error.place), mend=error.mend) from error
    skill, findings = check_folder(folder, policy)
    sha256 = hashlib.sha256(artifact).hexdigest()
    repository = pinned.place.repository
    return Imported(
        repository, pinned.ref, pinned.commit, pinned.path, folder, artifact, sha256, skill, findings
    )


def _absent(pinned: Pinned, taken: _Taken) -> Refusal:
    what = "is a file" if taken.is_file else "is not there"
    message = f"{shown(pinned.path) or 'the repository'} {what} at {pinned.ref}"
    return Absent(
        "folder_not_found",
        message,
        place=pinned.place.repository,
        mend="give the folder that holds SKILL.md",
        suggestions=_suggestions(taken),
    )


def _no_skill(pinned: Pinned, taken: _Taken) -> Refusal:
    message = f"{shown(pinned.path) or 'the top folder'} holds no {PROMPT}"
    return Unprocessable(
        "not_a_skill",
        message,
        place=pinned.place.repository,
        mend="give the folder that holds SKILL.md",
        suggestions=_suggestions(taken),
    )


def _suggestions(taken: _Taken) -> list[str]:
    return sorted(shown(path) for path in taken.elsewhere if path)


def _too_big(limit: str, prefix: str) -> Refusal:
    message = f"the folder has more than {limit}"
    return Unprocessable(
        "skill_too_big", message, place=shown(prefix), mend="leave out what it does not need"
    )
