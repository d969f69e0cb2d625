"""Rules about links in Markdown files: a skill is installed alone, so a link must end inside of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from registry_builder.core.folder import File, Folder
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import rule
from registry_builder.core.rules.size import places
from registry_builder.core.shown import shown

RULES = (
    rule(
        "link-outside",
        "A link leads out of the skill",
        "warning",
        "warning",
        why="A skill is installed alone: what lies beside it is not there.",
        mend="copy the file into the skill, or link to a web address",
    ),
    rule(
        "link-missing",
        "A link leads to a file that is not there",
        "warning",
        "off",
        why="An agent that follows it finds nothing.",
        mend="add the file, or mend the link",
    ),
)

PLACES = 20

_LINK = re.compile(r"\]\([ \t]{0,8}(?:<([^<>\n]{1,1000})>|([^\s()<>]{1,1000}))")
_DEFINITION = re.compile(r" {0,3}\[[^\]\n]{1,200}\]:[ \t]{1,8}(\S{1,1000})")
_MARK = re.compile(r"\](?:\(|: )")
_FENCE = re.compile(r"^ {0,12}(?:[-*+>] )?(```+|~~~+)", re.MULTILINE)
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#|[?]")
_TEMPLATE = re.compile(r"[{}$*|]|\.\.\.|^<")


def check_links(folder: Folder) -> Iterator[Problem]:
    """Relative links of every Markdown file."""
    marked = [file for file in folder.files if file.path.lower().endswith((".md", ".markdown"))]
    linked = [file for file in marked if b"](" in file.data or b"]: " in file.data]
    if not linked:
        return
    present = places(folder)
    for file in linked:
        for count, problem in enumerate(_links(file, present)):
            if count == PLACES:
                break
            yield problem


def _links(file: File, present: set[str]) -> Iterator[Problem]:
    folder = posixpath.dirname(file.path)
    for number, target in _targets(file.data.decode("utf-8", "replace")):
        if _ELSEWHERE.match(target) or _TEMPLATE.search(target):
            continue
        path = unquote(re.split("[#?]", target, maxsplit=1)[0])
        place = posixpath.normpath(posixpath.join(folder, path))
        name = shown(target)
        if place.startswith(("/", "../")) or place == "..":
            yield Problem("link-outside", number, f"{name} leads out of the skill", path=file.path)
        elif place != "." and place not in present:
            yield Problem("link-missing", number, f"{name} is not in the skill", path=file.path)


def _targets(text: str) -> Iterator[tuple[int, str]]:
    """Link targets outside of code, with their lines."""
    code = _code(text)
    number, counted, after = 1, 0, 0
    for mark in _MARK.finditer(text):
        if mark.start() < after:
            continue
        start = text.rfind("\n", 0, mark.start()) + 1
        after = text.find("\n", mark.start())
        after = len(text) if after < 0 else after
        number += text.count("\n", counted, start)
        counted = start
        while code and code[-1][1] <= start:
            code.pop()
        if code and code[-1][0] <= start:
            continue
        line = text[start:after]
        plain = "".join(line.split("`")[::2]) if "`" in line else line
        for match in _LINK.finditer(plain):
            yield number, match[1] or match[2]
        if definition := _DEFINITION.match(plain):
            yield number, definition[1].strip("<>")


def _code(text: str) -> list[tuple[int, int]]:
    """Where the fenced code blocks begin and end, last first."""
    blocks: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text) if "```" in text or "~~~" in text else ():
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]):
            blocks.append((opened.start(), fence.end()))
            opened = None
    if opened:
        blocks.append((opened.start(), len(text)))
    return blocks[::-1]
