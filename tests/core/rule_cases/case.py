"""A rule with a folder that breaks it and a near one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry_builder.core.folder import File, Folder, Stray, sorted_files
from registry_builder.core.rules import Limits, Policy

PORTABLE = Policy()
HEAD = "---\nname: pdf-tools\ndescription: Reads PDF files.\n---\n"
BODY = "# PDF tools\n\nRead on.\n"


@dataclass(frozen=True, slots=True)
class Case:
    """`found` is every finding about `bad`, as (rule, path in the folder, line); `good` has none at all."""

    rule: str
    bad: Folder
    found: tuple[tuple[str, str, int], ...]
    good: Folder
    policy: Policy = PORTABLE


def case(
    rule: str, bad: Folder, path: str, line: int, good: Folder | None = None, *more: tuple[str, str, int]
) -> Case:
    """A case whose first finding is that of its rule."""
    return Case(rule, bad, ((rule, path, line), *more), good or skill())


def skill(
    text: str | bytes | None = None,
    files: Mapping[str, str | bytes] | None = None,
    *,
    name: str = "pdf-tools",
    runnable: Mapping[str, str | bytes] | None = None,
    strays: tuple[Stray, ...] = (),
) -> Folder:
    """A skill with `text` as SKILL.md (a good one if None) and other files, some executable."""
    prompt = {"SKILL.md": HEAD.replace("pdf-tools", name) + BODY if text is None else text}
    return folder({**prompt, **(files or {})}, name=name, runnable=runnable, strays=strays)


def folder(
    files: Mapping[str, str | bytes],
    *,
    name: str = "pdf-tools",
    type: str = "skill",  # noqa: A002 - the field of a folder is called so
    runnable: Mapping[str, str | bytes] | None = None,
    strays: tuple[Stray, ...] = (),
) -> Folder:
    """A folder of any type."""
    entries = [File(path, encoded(data)) for path, data in files.items()]
    entries += [File(path, encoded(data), executable=True) for path, data in (runnable or {}).items()]
    return Folder(name, f"{type}s/{name}", "0" * 40, sorted_files(entries), strays, type)


def encoded(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def front(*lines: str, body: str = BODY) -> str:
    """A prompt file with these lines after name and description."""
    return "\n".join(["---", "name: pdf-tools", "description: Reads PDF files.", *lines, "---", body])


def limited(**limits: int) -> Policy:
    return Policy(limits=Limits(**limits))
