"""Rules about what the files say: hidden characters, endless lines, leftovers of machines and merges."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry_builder.core.folder import File, Folder
from registry_builder.core.frontmatter import FrontMatter
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import rule
from registry_builder.core.shown import shown

RULES = (
    rule(
        "hidden-unicode",
        "A file has hidden characters",
        "warning",
        "warning",
        why=(
            "Tag characters, direction controls and zero-width characters can carry instructions "
            "that a person does not see but an agent reads. Emoji and scripts that need joiners "
            "are left alone."
        ),
        mend="remove the characters, or write them as escapes",
    ),
    rule(
        "home-path",
        "A file names somebody's home folder",
        "warning",
        "warning",
        why="It is there on one machine only, and tells a name.",
        mend="use a path relative to the skill, ~ or a variable",
    ),
    rule(
        "merge-marker",
        "A file has merge markers",
        "warning",
        "warning",
        why="It was committed in the middle of a merge.",
        mend="finish the merge",
    ),
    rule(
        "lfs-pointer",
        "A file is a Git LFS pointer",
        "warning",
        "warning",
        why="Clients would install the pointer and not the file.",
        mend="add the file itself: `git lfs migrate export`",
    ),
    rule(
        "body-control",
        "The prompt file has control characters",
        "warning",
        "warning",
        why="Terminals obey them, and readers drop or show them.",
        mend="remove the characters",
    ),
    rule(
        "body-empty",
        "There is nothing after the front matter",
        "warning",
        "off",
        why="The body is what an agent reads when it uses the skill.",
        mend="write what the agent has to do",
    ),
    rule(
        "body-too-long",
        "The body is long",
        "warning",
        "warning",
        why=(
            "All of it goes into the agent's context. The specification advises fewer than 500 "
            "lines and 5,000 tokens; we warn above 500 lines or 5,000 words."
        ),
        mend="move details to files under references/",
    ),
    rule(
        "line-too-long",
        "The prompt file has an endless line",
        "warning",
        "warning",
        why="Nobody reviews a line of more than 10,000 characters.",
        mend="break the line",
    ),
)

BODY_LINES = 500
BODY_WORDS = 5_000
LINE_CHARACTERS = 10_000
PLACES = 5

_LFS = b"version https://git-lfs.github.com/spec/"
_CONTROL_BYTES = bytes(code for code in range(32) if code not in b"\t\n\r\x0c") + b"\x7f"
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_HOME = re.compile(
    rb"(?:(?<![\w.~/-])/(?:Users|home)/|(?<!\w)[A-Za-z]:\\{1,2}Users\\{1,2})"
    rb"(?!(?:user|username|you|me|name|Public|Default|Shared|runner|node|app|linuxbrew)(?![\w.-]))"
    rb"[A-Za-z][\w.-]{0,63}"
)
_FLAG = re.compile(
    "\U0001f3f4[\U000e0061-\U000e007a]{2}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,4}\U000e007f"
)
# Emoji and many scripts are written with a zero-width joiner or non-joiner between two letters beyond Latin.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\uffa0\ufff9-\ufffb]"
    "|(?<!\\A)\ufeff|(?<![^\x00-\u02af])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\u02af])"
    "|(?<=[\x00-\x7f])[\U000e0100-\U000e01ef]|[\U000e0100-\U000e01ef]{2,}|[\U000e0000-\U000e007f]"
)


def check_texts(folder: Folder) -> Iterator[Problem]:
    """What stands in the files, each problem with its line."""
    for file in folder.files:
        data = file.data
        if data.startswith(_LFS):
            yield Problem("lfs-pointer", 1, f"{shown(file.path)} is a Git LFS pointer", path=file.path)
        if b"\0" in data[:8192]:
            continue
        if not data.isascii():
            yield from _hidden(file)
        if b"/home/" in data or b"/Users/" in data or (b"\\" in data and b"Users\\" in data):
            yield from _homes(file)
        if b"<" in data and b"<<<<<<< " in data and b">>>>>>> " in data:
            yield from _merge(file)


def _hidden(file: File) -> Iterator[Problem]:
    text = file.data.decode("utf-8", "replace")
    if "\U0001f3f4" in text:
        text = _FLAG.sub(lambda match: "-" * len(match[0]), text)
    places: list[str] = []
    first = line = position = 0
    for match in _HIDDEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        first = first or line + 1
        if len(places) == PLACES:
            places.append("more")
            break
        places.append(f"U+{ord(match[0][0]):04X} on line {line + 1}")
    if places:
        yield Problem("hidden-unicode", first, f"hidden characters: {', '.join(places)}", path=file.path)


def _homes(file: File) -> Iterator[Problem]:
    match = _HOME.search(file.data)
    if match:
        text = match[0].decode("utf-8", "replace")
        yield Problem(
            "home-path",
            line_of(file.data, match.start()),
            f"{shown(text)} is somebody's home",
            path=file.path,
        )


def _merge(file: File) -> Iterator[Problem]:
    # A prompt file's front matter has a rule of its own.
    begin = max(0, file.data.find(b"\n---")) if file.data.startswith(b"---") else 0
    start = re.compile(rb"^<{7} ", re.MULTILINE).search(file.data, begin)
    if start and re.compile(rb"^>{7} ", re.MULTILINE).search(file.data, start.end()):
        yield Problem(
            "merge-marker", line_of(file.data, start.start()), "<<<<<<< is left from a merge", path=file.path
        )


def line_of(data: bytes, offset: int) -> int:
    """The line, counted from 1, of the byte at `offset`."""
    return data.count(b"\n", 0, offset) + 1


def check_body(front: FrontMatter, data: bytes, prompt: str) -> Iterator[Problem]:
    """The body of the prompt file, whose bytes are `data`."""
    body = front.body
    if len(data.translate(None, _CONTROL_BYTES)) != len(data) and (control := _CONTROL.search(body)):
        message = f"there is the control character U+{ord(control[0]):04X}"
        line = front.body_line + body.count("\n", 0, control.start())
        yield Problem("body-control", line, message, path=prompt)
    if not body or body.isspace():
        yield Problem("body-empty", front.body_line, "there is no text after the front matter", path=prompt)
        return
    lines = body.rstrip().count("\n") + 1
    if lines > BODY_LINES:
        yield Problem(
            "body-too-long",
            front.body_line,
            f"the body has {lines} lines, more than {BODY_LINES}",
            path=prompt,
        )
    elif len(body) > 2 * BODY_WORDS and (words := len(body.split())) > BODY_WORDS:
        yield Problem(
            "body-too-long",
            front.body_line,
            f"the body has {words} words, more than {BODY_WORDS}",
            path=prompt,
        )
    if len(body) > LINE_CHARACTERS:
        for number, line_text in enumerate(body.split("\n"), start=front.body_line):
            if len(line_text) > LINE_CHARACTERS:
                message = f"the line has {len(line_text)} characters, more than {LINE_CHARACTERS}"
                yield Problem("line-too-long", number, message, path=prompt)
                break
