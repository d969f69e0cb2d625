"""The front matter of a prompt file: from a first line that is exactly `---` to the next such line.

Others read it with a regular expression, or trim lines first; where one of them would end the block
somewhere else than we do, that is a problem of its own and never a silent choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from registry_builder.core.problem import Problem
from registry_builder.core.shown import shown
from registry_builder.core.yaml_block import CONTROL, read_block

__all__ = ["FrontMatter", "Problem", "read_front_matter"]

MAX_CHARACTERS = 65_536
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

_FENCE = re.compile(r"^---\r?$", re.MULTILINE)
_SPACED_FENCE = re.compile(r"^---[ \t]+\r?$", re.MULTILINE)
_LOOKALIKE = re.compile(r"^(?:---(?![ \t]*\r?$)[^\n]*|\.\.\.(?:[ \t][^\n]*)?\r?)$", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+---[ \t]*\r?$", re.MULTILINE)
_LONE_CR = re.compile(r"\r(?!\n)")
_MERGE_MARKER = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?:[ \t][^\n]*)?\r?$", re.MULTILINE)
_LATE_LINES = 50
_PLACES = 10  # of one kind; who mends these sees the next


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """`lines` gives the line of each top-level key, `body_line` that of the first line of `body`."""

    fields: Mapping[str, object]
    lines: Mapping[str, int]
    body: str
    body_line: int


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where the block is: `head` starts on line 2, `body` on `body_line`."""

    head: str
    body: str
    body_line: int
    crlf: bool


def read_front_matter(data: bytes) -> tuple[FrontMatter | None, tuple[Problem, ...]]:
    """Read a prompt file. The front matter is None if its keys cannot be told; then a problem says why."""
    problems: list[Problem] = []
    bom = data.startswith(_BOM)
    if bom:
        problems.append(Problem("bom", 1, "the file begins with a byte order mark"))
    try:
        text = data[3 * bom :].decode("utf-8")
    except UnicodeDecodeError as error:
        return None, (*problems, _not_utf8(data, error.start + 3 * bom))
    cut = _cut(text, problems)
    if cut is None:
        return None, tuple(problems)
    if cut.crlf:
        problems.append(Problem("front-matter-crlf", 1, "the front matter has CRLF line ends"))
    unreadable = list(_unreadable(cut.head))
    problems += unreadable
    problems += _indented(cut.head)
    if unreadable:
        return None, tuple(problems)
    block = read_block(cut.head, first_line=2)
    problems += block.problems
    if block.fields is None:
        return None, tuple(problems)
    return FrontMatter(block.fields, block.lines, cut.body, cut.body_line), tuple(problems)


def _not_utf8(data: bytes, offset: int) -> Problem:
    line = data.count(b"\n", 0, offset) + 1
    what = f"byte {offset} (0x{data[offset]:02x}) is not UTF-8"
    if data.startswith(_UTF16_BOMS):
        what += "; the file looks like UTF-16"
    return Problem("not-utf8", line, what)


def _cut(text: str, problems: list[Problem]) -> _Cut | None:
    first, _, _ = text.partition("\n")
    if first.rstrip("\r") != "---":
        if first.rstrip(" \t\r") != "---":
            problems.append(_no_front_matter(text))
            return None
        problems.append(_spaces(1))
    start = len(first) + 1
    end = _FENCE.search(text, start)
    spaced = _SPACED_FENCE.search(text, start, end.start() if end else len(text))
    if spaced:
        problems.append(_spaces(text.count("\n", 0, spaced.start()) + 1))
        end = spaced
    if end is None:
        problems.append(_unclosed(text, start))
        return None
    head = text[start : end.start()]
    body_line = text.count("\n", 0, end.start()) + 2
    crlf = "\r\n" in text[: end.end() + 1]
    return _Cut(head, text[end.end() + 1 :], body_line, crlf)


def _spaces(line: int) -> Problem:
    return Problem(
        "fence-spaces",
        line,
        "there are spaces after ---, so some clients take it for the line and some do not",
    )


def _no_front_matter(text: str) -> Problem:
    for number, line in enumerate(text.split("\n", _LATE_LINES)[:_LATE_LINES], start=1):
        stripped = line.strip()
        if number > 1 and stripped == "---":
            return Problem(
                "front-matter-late", number, f"the front matter begins on line {number}, not on line 1"
            )
        if stripped and not stripped.startswith(("#", "<!--", "//")):
            break
    first = text.partition("\n")[0].rstrip("\r")
    return Problem("front-matter-missing", 1, f"line 1 is {shown(first, 60) or 'empty'}, not ---")


def _unclosed(text: str, start: int) -> Problem:
    nearest = _LOOKALIKE.search(text, start) or _INDENTED.search(text, start)
    message = "no line that is exactly --- ends the front matter"
    if nearest:
        line = text.count("\n", 0, nearest.start()) + 1
        message += f"; line {line} is {shown(nearest[0], 40)}"
    return Problem("front-matter-unclosed", 1, message)


def _unreadable(head: str) -> Iterator[Problem]:
    """What makes the block not worth parsing."""
    if len(head) > MAX_CHARACTERS:
        yield Problem(
            "yaml-too-big", 2, f"the front matter has {len(head)} characters, more than {MAX_CHARACTERS}"
        )
        return
    for match in islice(_LOOKALIKE.finditer(head), _PLACES):
        message = f"{shown(match[0], 40)} ends the front matter for some clients and not for others"
        yield Problem("fence-lookalike", _line(head, match), message)
    for match in islice(_MERGE_MARKER.finditer(head), _PLACES):
        yield Problem("front-matter-merge-marker", _line(head, match), f"{match[0][:7]} is left from a merge")
    control = _control(head)
    if control:
        code = ord(control[0])
        yield Problem(
            "front-matter-control", _line(head, control), f"there is the control character U+{code:04X}"
        )


def _control(head: str) -> re.Match[str] | None:
    if "\r" in head:
        return _LONE_CR.search(head) or CONTROL.search(head.replace("\r\n", " \n"))
    return CONTROL.search(head)


def _indented(head: str) -> Iterator[Problem]:
    for match in islice(_INDENTED.finditer(head), _PLACES):
        message = "an indented --- inside a value ends the front matter for clients that trim lines"
        yield Problem("fence-in-value", _line(head, match), message)


def _line(head: str, match: re.Match[str]) -> int:
    return head.count("\n", 0, match.start()) + 2
