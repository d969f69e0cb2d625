"""Skills ready to run: the zip of a digest unpacked into a folder once, and what is known of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from dynamic_api.errors import Absent, Inside, Unavailable, Unprocessable
from dynamic_api.memory.public_bytes import PublicBytes
from dynamic_api.private_store import PrivateStore
from dynamic_api.sandbox import artifacts
from dynamic_api.sandbox.scripts import find_script
from dynamic_api.services.visibility import near
from registry_builder.core.artifact import read
from registry_builder.core.errors import BadArchive
from registry_builder.core.folder import Folder, git_tree
from registry_builder.core.frontmatter import read_front_matter
from registry_builder.core.skill import Skill, scripts_of, skill_of

KNOWN = 2000
_PROMPT = "SKILL.md"
_SCRIPTS = "scripts/"


@dataclass(frozen=True, slots=True)
class Script:
    """A script: the name that callers use, its path, and its language; None where nothing here runs it."""

    name: str
    path: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The folder of one digest."""

    folder: Path
    scripts: tuple[Script, ...]
    required_env: tuple[str, ...]
    is_local: bool

    def script(self, name: str) -> Script:
        """The script of exactly this name or path. Raises Absent, with near names and all that there are."""
        found = next((row for row in self.scripts if name in {row.name, row.path}), None)
        if found is None:
            names = [row.name for row in self.scripts]
            mend = f"it has {', '.join(names[:20])}" if names else "it has no scripts: read it instead"
            raise Absent(
                "script_not_found",
                f"this skill has no script {name[:200]!r}",
                place="scriptName",
                mend=mend,
                suggestions=near(name, names),
                extra={"scripts": names},
            )
        return found


@dataclass(slots=True)
class Shelf:
    """Unpacks below `folder`, which the sandbox can read."""

    folder: Path
    public_bytes: PublicBytes
    private_store: PrivateStore
    _known: OrderedDict[str, Unpacked] = field(default_factory=OrderedDict)

    async def get(self, slug: str, sha256: str, *, is_published: bool) -> Unpacked:
        """The unpacked skill. Raises Absent, Unavailable, Unprocessable."""
        found = self._known.get(sha256)
        if found is None or not found.folder.is_dir():
            found = await asyncio.to_thread(self._unpack, slug, sha256, is_published)
            self._known[sha256] = found
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return found

    def known(self) -> list[str]:
        """Digests of what is unpacked."""
        return list(self._known)

    def forget(self, sha256: str) -> None:
        """It was taken back: keep nothing of it."""
        if self._known.pop(sha256, None) is not None:
            artifacts.forget(self.folder, sha256)

    def _unpack(self, slug: str, sha256: str, is_published: bool) -> Unpacked:
        try:
            data = self.public_bytes.read(slug, sha256) if is_published else self.private_store.get(sha256)
        except Absent as error:
            raise Unavailable(
                "artifact_missing", "the bytes of this version are not there", mend="tell the operator"
            ) from error
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return inspect(slug, data, artifacts.unpack(self.folder, data, sha256))
        except BadArchive as error:
            raise Unprocessable(
                error.code, error.message, place=Inside(error.place), mend=error.mend
            ) from error


def inspect(slug: str, data: bytes, folder: Path) -> Unpacked:
    """What the zip `data`, unpacked into `folder`, says of itself."""
    files = read(data)
    content = Folder(slug, slug, git_tree(files), tuple(files), ())
    prompt = content.get(_PROMPT)
    front, _ = read_front_matter(prompt.data) if prompt else (None, ())
    skill: Skill | None = skill_of(content, front) if front else None
    paths = skill.scripts if skill else scripts_of(content)
    names = _names(paths)
    return Unpacked(
        folder,
        tuple(Script(names[path], path, _language(folder, path)) for path in paths),
        skill.required_env if skill else (),
        skill is not None and skill.execution_tier == "local",
    )


def _names(paths: tuple[str, ...]) -> dict[str, str]:
    """Path → name: without `scripts/`, unless the root has a script of that name."""
    return {
        path: path if (short := path.removeprefix(_SCRIPTS)) != path and short in paths else short
        for path in paths
    }


def _language(folder: Path, path: str) -> str | None:
    try:
        return find_script(folder, path).language
    except Unprocessable:
        return None
