"""What the rules of compatibility look at, found once per asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry_builder.core.folder import File, Folder, path_bytes
from registry_builder.core.rules.manifest import PLUGIN_JSON, ManifestError, plugin_json
from registry_builder.core.skill import Skill


@dataclass(frozen=True, slots=True)
class Facts:
    """`bytes` is the sum of the files, `size` that of the artifact.

    `manifest` is plugin.json: None when there is none, empty when nobody can read it.
    """

    skill: Skill
    files: Sequence[File]
    executable: Sequence[File]
    bytes: int
    size: int
    manifest: Mapping[str, object] | None


def facts_of(skill: Skill, files: Sequence[File]) -> Facts:
    """The facts about `skill`, whose files are `files`."""
    total, size, executable, own = 0, 22, [], None
    for file in files:
        total += len(file.data)
        # A stored zip: two headers of 30 and 46 bytes, each with the path; 22 more at the end of all.
        size += 76 + 2 * len(path_bytes(file.path))
        if file.executable:
            executable.append(file)
        if file.path == PLUGIN_JSON:
            own = file
    return Facts(skill, files, executable, total, total + size, _manifest(skill, own) if own else None)


def _manifest(skill: Skill, own: File) -> Mapping[str, object] | None:
    try:
        return plugin_json(Folder(skill.name, "", "", (own,)))
    except ManifestError:
        return {}
