"""Rules about the paths of a folder: what some file system, archive or client could not hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from registry_builder.core.folder import Folder, path_bytes
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import refused, rule
from registry_builder.core.shown import shown

RULES = (
    refused(
        "path-absolute",
        "A path is absolute or has an empty segment",
        "It would be written outside of the skill.",
        "use a path relative to the skill",
    ),
    refused(
        "path-parent",
        "A path has a `.` or `..` segment",
        "It would be written outside of the skill.",
        "remove the . and .. segments",
    ),
    refused(
        "path-backslash",
        "A path has a backslash",
        "On Windows it is a separator, elsewhere a letter: two clients see two files.",
        "rename the file; separate folders with /",
    ),
    refused(
        "path-control",
        "A path has a control character",
        "Terminals, manifests and archives break on it.",
        "rename the file",
    ),
    refused(
        "path-too-long",
        "A path or one of its segments is too long",
        "File systems refuse names of more than 255 bytes and paths of more than 1,024.",
        "shorten the name",
    ),
    refused(
        "path-not-utf8",
        "A path is not UTF-8",
        "Archives and manifests hold UTF-8 names only.",
        "rename the file in UTF-8",
    ),
    refused(
        "path-not-nfc",
        "A path is not in Unicode form NFC",
        "Two forms of one name are one file for some systems and two for others, and the digest "
        "must not depend on it.",
        "rename the file to its NFC form",
    ),
    refused(
        "path-trailing",
        "A path segment ends with a dot or a space",
        "Windows drops these, so the file gets another name.",
        "remove the trailing dot or space",
    ),
    refused(
        "path-device",
        "A path segment is a Windows device name",
        "Windows cannot create such a file.",
        "choose another name",
    ),
    refused(
        "path-collision",
        "Two paths differ only by case or Unicode form",
        "On Windows and macOS one of them overwrites the other.",
        "rename one of them",
    ),
    refused(
        "path-git",
        "A path has a `.git` segment",
        "Git runs what is configured in such a folder.",
        "remove it",
    ),
    refused(
        "path-twice",
        "The same path occurs twice, or is a file and a folder",
        "Which of the two a reader gets depends on the reader.",
        "keep one of them",
    ),
    rule(
        "path-hidden",
        "A path has invisible or direction-changing characters",
        "error",
        "warning",
        why="A name that shows differently from what it is can disguise a program.",
        mend="rename the file",
    ),
    rule(
        "path-windows",
        "A path has a character that Windows does not allow",
        "warning",
        "warning",
        why='Windows cannot create files with `< > : " | ? *` in the name.',
        mend="rename the file",
    ),
    rule(
        "path-ustar",
        "A path does not fit a plain tar header",
        "warning",
        "warning",
        why=(
            "npm bundles are plain ustar: 100 bytes of name and 155 of folders; longer paths need "
            "extensions that some clients do not read."
        ),
        mend="shorten the path",
    ),
)

SEGMENT_BYTES = 255
PATH_BYTES = 1024

_ORDINARY = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)*"
)
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:[ .:].*)?", re.IGNORECASE | re.DOTALL
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HIDDEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_WINDOWS = re.compile(r'[<>:"|?*]')
_DRIVE = re.compile(r"[A-Za-z]:")
_GIT = frozenset({".git", "git~1"})


def is_device_name(name: str) -> bool:
    """Whether Windows takes `name`, with whatever ending, for a device."""
    return _DEVICE.fullmatch(name) is not None


def check_paths(folder: Folder, prompt: str) -> Iterator[Problem]:
    """What is wrong with the paths of `folder`, of links and submodules too.

    Two spellings of `prompt` are left to the rules about the prompt file.
    """
    paths = [file.path for file in folder.files] + [stray.path for stray in folder.strays]
    for path in paths:
        yield from _path(path)
    yield from _collisions(paths, prompt.lower())


def _path(path: str) -> Iterator[Problem]:
    if len(path) < 90 and _ORDINARY.fullmatch(path):
        for segment in path.split("/"):
            if is_device_name(segment):
                yield _problem("path-device", path, f"{segment} is a device on Windows")
        return
    yield from _characters(path)
    yield from _segments(path)
    if len(path_bytes(path)) > PATH_BYTES:
        yield _problem(
            "path-too-long", path, f"the path has {len(path_bytes(path))} bytes, more than {PATH_BYTES}"
        )
    elif not _fits_ustar(path_bytes("package/" + path)):
        yield _problem("path-ustar", path, f"{shown(path)} does not fit a plain tar header")


def _problem(rule_id: str, path: str, message: str) -> Problem:
    return Problem(rule_id, 0, message, path=path)


def _characters(path: str) -> Iterator[Problem]:
    name = shown(path)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        yield _problem("path-not-utf8", path, f"{name} has a byte at {error.start} that is not UTF-8")
    if path.startswith("/") or _DRIVE.match(path):
        yield _problem("path-absolute", path, f"{name} is absolute")
    if "\\" in path:
        yield _problem("path-backslash", path, f"{name} has a backslash")
    if control := _CONTROL.search(path):
        yield _problem("path-control", path, f"{name} has the control character U+{ord(control[0]):04X}")
    if not path.isascii():
        if unicodedata.normalize("NFC", path) != path:
            yield _problem("path-not-nfc", path, f"{name} is not in form NFC")
        if hidden := _HIDDEN.search(path):
            yield _problem("path-hidden", path, f"{name} has the invisible character U+{ord(hidden[0]):04X}")
    if (odd := _WINDOWS.search(path)) and not _DRIVE.match(path):
        yield _problem("path-windows", path, f"{name} has {odd[0]}")


def _segments(path: str) -> Iterator[Problem]:
    name = shown(path)
    for number, segment in enumerate(path.split("/")):
        if segment in (".", ".."):
            yield _problem("path-parent", path, f"{name} has the segment {segment}")
        elif not segment:
            if number or not path:
                yield _problem("path-absolute", path, f"{name or 'a path'} has an empty segment")
        elif segment.endswith((".", " ")):
            yield _problem("path-trailing", path, f"{name} has a segment that ends with a dot or a space")
        elif is_device_name(segment):
            yield _problem("path-device", path, f"{shown(segment)} is a device on Windows")
        elif segment.rstrip(". ").lower() in _GIT:
            yield _problem("path-git", path, f"{name} has a {shown(segment)} segment")
        if len(segment) * 4 > SEGMENT_BYTES and len(path_bytes(segment)) > SEGMENT_BYTES:
            size = len(path_bytes(segment))
            yield _problem(
                "path-too-long", path, f"{shown(segment, 40)} has {size} bytes, more than {SEGMENT_BYTES}"
            )


def _fits_ustar(path: bytes) -> bool:
    """Whether `path` splits at a slash into at most 155 and 100 bytes. Source: POSIX, ustar header."""
    if len(path) <= 100:
        return True
    cut = path.find(b"/", len(path) - 101)
    return 0 < cut <= 155 and cut < len(path) - 1


def folded(path: str) -> str:
    """What a file system that ignores case and Unicode form takes `path` for."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _collisions(paths: list[str], prompt: str) -> Iterator[Problem]:
    """Each path, or folder on the way to it, that is another one where case does not count."""
    seen: dict[str, str] = {}
    files: set[str] = set()
    for path in paths:
        if path in files:
            yield _problem("path-twice", path, f"{shown(path)} occurs twice")
        files.add(path)
    folders: set[str] = set()
    for path in paths:
        end = len(path)
        while end > 0 and path[:end] not in folders:
            part = path[:end]
            other = seen.setdefault(folded(part), part)
            if other != part and part.lower() != prompt:
                yield _problem(
                    "path-collision",
                    path,
                    f"{shown(part)} and {shown(other)} are one file where case does not count",
                )
                break
            if end < len(path):
                folders.add(part)
            end = path.rfind("/", 0, end)
    for path in sorted(files & folders):
        yield _problem("path-twice", path, f"{shown(path)} is a file and a folder")
