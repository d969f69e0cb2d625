"""The sx bundle of a skill that came without one: by the drive's upload, or from GitHub.

It is what the registry's builder makes of a published skill (DESIGN.md D3): the same files, and a generated
`metadata.toml` in place of the folder's own. Equal artifacts under equal names give equal bytes.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace

from dynamic_api.sx import metadata
from registry_builder.core.artifact import Limits, pack, read
from registry_builder.core.errors import BadArchive, Unfit
from registry_builder.core.folder import File, Folder, git_tree, sorted_files
from registry_builder.core.frontmatter import read_front_matter
from registry_builder.core.key import digest
from registry_builder.core.skill import Skill, skill_of
from registry_builder.emit import sx_metadata
from registry_builder.emit.base import Source

PROMPT = "SKILL.md"
_ANY_SIZE = Limits(archive_bytes=1 << 31, unpacked_bytes=1 << 31, files=100_000)


@dataclass(frozen=True, slots=True)
class Derived:
    """A bundle, and what a lock repeats of its metadata."""

    body: bytes
    sha256: str
    files: int
    clients: tuple[str, ...]
    dependencies: tuple[str, ...]


def derive(artifact: bytes, name: str, type_: str, label: str) -> Derived | None:
    """The bundle of `artifact`; None for a type of which sx can have none, or without what the type needs."""
    try:
        files = read(artifact, _ANY_SIZE)
    except BadArchive:
        return None
    skill = _skill(files, name, type_)
    if skill is None or skill.type not in sx_metadata.TYPES or not label.isdecimal():
        return None
    others = tuple(file for file in files if file.path.partition("/")[0].casefold() != metadata.PATH)
    for kept in (files, others):
        try:
            return _packed(kept, *_metadata(skill, kept, label))
        except Unfit:
            continue
    return None


def flaw(skill: Skill, files: tuple[File, ...]) -> Unfit | None:
    """Why sx would refuse the metadata that the author wrote; the bundle is then made without it."""
    try:
        _metadata(skill, files, "1")
    except Unfit as error:
        return error
    return None


def _skill(files: tuple[File, ...], name: str, type_: str) -> Skill | None:
    """Its author's words; the name and the type that it has here, for both may have been changed since."""
    prompt = next((file for file in files if file.path == PROMPT), None)
    front, _ = read_front_matter(prompt.data) if prompt else (None, ())
    if front is None:
        return None
    folder = Folder(name, name, git_tree(files), files, ())
    return replace(skill_of(folder, front), name=name, type=type_)


def _metadata(skill: Skill, files: tuple[File, ...], label: str) -> tuple[bytes, metadata.Asset]:
    """Raises Unfit when the folder's own breaks a rule of sx."""
    body = sx_metadata.make(Source(skill, int(label), files)).body
    asset = metadata.lists(tomllib.loads(body.decode())["asset"])
    if bad := metadata.unreadable(asset.dependencies):
        mend = "write name, or name>=1,<2 with plain numbers"
        what = f"the dependency {bad[0][:64]!r} cannot be read"
        raise Unfit("dependency-invalid", what, place=metadata.PATH, mend=mend)
    return body, asset


def _packed(files: tuple[File, ...], text: bytes, asset: metadata.Asset) -> Derived:
    others = (file for file in files if file.path != metadata.PATH)
    kept = sorted_files((*others, File(metadata.PATH, text)))
    body = pack(kept)
    return Derived(body, digest(body), len(kept), asset.clients, asset.dependencies)
