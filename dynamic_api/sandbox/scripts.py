"""Which script of a skill is meant, and which interpreter runs it."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from dynamic_api.errors import Absent, Unprocessable

Language = Literal["python", "sh", "node"]
_BY_SUFFIX: dict[str, Language] = {
    ".py": "python",
    ".sh": "sh",
    ".bash": "sh",
    ".js": "node",
    ".mjs": "node",
    ".cjs": "node",
}
_BY_PROGRAM: dict[str, Language] = {
    "python": "python",
    "python3": "python",
    "sh": "sh",
    "bash": "sh",
    "dash": "sh",
    "node": "node",
}
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Script:
    """A script that exists: its path in the skill, its language, and the program that its kind needs."""

    path: str
    language: Language
    program: str


def find_script(folder: Path, name: str) -> Script:
    """The script that `name` means: its path in the skill, or its name in `scripts/`.

    Raises Absent (no such file, with near names) and Unprocessable (nothing here can run it).
    """
    for candidate in (name, f"scripts/{name}"):
        head = _head(folder, candidate)
        if head is not None:
            return _recognise(candidate, head)
    raise Absent(
        "script_not_found",
        f"this skill has no script {name!r}",
        place="scriptName",
        suggestions=difflib.get_close_matches(name, _scripts(folder), 3, 0.5),
    )


def _head(folder: Path, name: str) -> bytes | None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        return None
    try:
        opened = os.open(folder.joinpath(*parts), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return os.read(opened, _HEAD_BYTES) if stat.S_ISREG(os.fstat(opened).st_mode) else None
    finally:
        os.close(opened)


def _recognise(path: str, head: bytes) -> Script:
    line = head.partition(b"\n")[0]
    program = _shebang(line)
    language = _BY_SUFFIX.get(PurePosixPath(path).suffix) or _BY_PROGRAM.get(program)
    if b"\0" in head or language is None:
        raise Unprocessable(
            "script_unsupported",
            "this file is no script that can be run here",
            place=path,
            mend="name it .py, .sh, .js or .mjs, or begin it with #!/usr/bin/env python3, sh, bash or node",
        )
    if language == "sh" and line.endswith(b"\r"):
        raise Unprocessable(
            "script_crlf",
            "its lines end in CR LF, which a shell takes for part of each command",
            place=f"{path}:1",
            mend="save it with LF line ends",
        )
    bash = language == "sh" and (program == "bash" or path.endswith(".bash"))
    return Script(path, language, "bash" if bash else language)


def _shebang(line: bytes) -> str:
    """The program that a first line names, without version and folder: `python3.11` is `python3`."""
    if not line.startswith(b"#!"):
        return ""
    words = [word for word in line[2:].decode("utf-8", "replace").split() if not word.startswith("-")]
    names = [PurePosixPath(word).name for word in words]
    if names[:1] == ["env"]:
        names = names[1:]
    return names[0].partition(".")[0] if names else ""


def _scripts(folder: Path) -> list[str]:
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in _BY_SUFFIX]
    return sorted({name for path in found for name in (path, path.removeprefix("scripts/"))})
