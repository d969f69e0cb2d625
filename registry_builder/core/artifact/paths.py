"""Which paths an archive may hold: the same rules for what we pack and for what we read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

PATH_BYTES = 1024
SEGMENT_BYTES = 255

_DEVICE = r"(?i:con|prn|aux|nul|conin\$|conout\$|com[1-9¹²³]|lpt[1-9¹²³])"
_PLAIN_SEGMENT = rf"(?!{_DEVICE}(?:[./]|\Z))[A-Za-z0-9_-](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?"
_PLAIN = re.compile(rf"{_PLAIN_SEGMENT}(?:/{_PLAIN_SEGMENT})*")
_RESERVED = re.compile(rf"{_DEVICE} *(?:\.|\Z)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Flaw(NamedTuple):
    """What is wrong with `path`: a stable code and a sentence."""

    code: str
    path: str
    message: str


def is_plain(path: str) -> bool:
    """Whether `path` is without flaw at the first glance; nearly all are. Plain paths are ASCII."""
    return len(path) <= SEGMENT_BYTES and _PLAIN.fullmatch(path) is not None


def flaw_of(path: str) -> Flaw | None:
    """Why `path` is not a relative path of a file that every system can hold, or None."""
    if is_plain(path):
        return None
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        return Flaw("path-not-utf8", path, "the name is not UTF-8")
    if len(raw) > PATH_BYTES:
        return Flaw("path-too-long", path, f"the name has {len(raw)} bytes, {PATH_BYTES} are allowed")
    return _unsafe(path) or _unsafe_segment(path)


def _unsafe(path: str) -> Flaw | None:
    if not path:
        return Flaw("path-unsafe", path, "the name is empty")
    if _CONTROL.search(path):
        return Flaw("path-unsafe", path, "the name holds a control character")
    if "\\" in path:
        return Flaw("path-unsafe", path, "the name holds a backslash")
    if path.startswith("/"):
        return Flaw("path-unsafe", path, "the name is absolute")
    if ":" in path:
        return Flaw("path-unsafe", path, "the name holds a colon: a drive or a stream on Windows")
    return None


def _unsafe_segment(path: str) -> Flaw | None:
    for segment in path.split("/"):
        if segment == "":
            return Flaw("path-unsafe", path, "the name has an empty part")
        if segment in {".", ".."}:
            return Flaw("path-unsafe", path, f'the name has the part "{segment}"')
        if segment[-1] in ". ":
            return Flaw(
                "path-unsafe", path, "a part of the name ends in a dot or a space, which Windows drops"
            )
        if _RESERVED.match(segment):
            return Flaw("path-unsafe", path, "a part of the name is a device on Windows")
        if len(segment.encode()) > SEGMENT_BYTES:
            return Flaw("path-too-long", path, f"a part of the name has more than {SEGMENT_BYTES} bytes")
    return None


def clash_of(files: Sequence[str], folders: Iterable[str] = ()) -> Flaw | None:
    """The first of `files` that another one hides where case or Unicode form does not count, or None.

    `folders` are more folders than the paths of `files` imply. All paths have passed `flaw_of`.
    """
    if not files:
        return None
    folded = _folded(files)
    taken = set(folded)
    if len(taken) < len(files):
        return _duplicate(files, folded)
    parents = {path.rpartition("/")[0] for path in folded if "/" in path}
    for parent in sorted(parents.union(_folded([*folders]))):
        folder = parent
        while folder:
            if folder in taken:
                path = files[folded.index(folder)]
                return Flaw("path-clash", path, "the name is a file, and a folder as well")
            folder = folder.rpartition("/")[0]
    return None


def _duplicate(files: Sequence[str], folded: Sequence[str]) -> Flaw:
    index = next(index for index, path in enumerate(folded) if path in folded[:index])
    same = "twice" if files[index] in files[:index] else "in two spellings that some systems take for one"
    return Flaw("path-duplicate", files[index], f"the name is there {same}")


def _folded(paths: Sequence[str]) -> list[str]:
    """Each of `paths` as a system sees it that knows neither case nor Unicode forms."""
    text = "\n".join(paths)  # one call for all: no path holds a line feed, and none changes across it
    if text.isascii():
        return text.lower().split("\n")
    # Canonical caseless matching: Unicode 15.0, section 3.13, definition D145.
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold()).split("\n")
