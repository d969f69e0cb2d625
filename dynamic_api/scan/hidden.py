"""Text that a person does not see and an agent reads: characters without a shape, comments of HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dynamic_api.scan.text import Budget, hits, prose
from dynamic_api.scan.wording import COMMENT_WORDS, WORDING
from registry_builder.core.shown import shown

LONGEST_COMMENT = 20_000
MOST_COMMENTS = 200

_TAGS = re.compile("(?<!\U0001f3f4)[\U000e0000-\U000e007f]{1,2000}")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")

Row = tuple[str, int, str]
"""A rule, the byte offset of what broke it, and the message."""


def hidden_characters(data: bytes) -> Iterator[Row]:
    """Tag characters and controls of direction. What merely has no width is a rule of `check` already."""
    if data.isascii():
        return
    text = data.decode("utf-8", "replace")
    plain = _FLAG.sub(lambda match: "-" * len(match[0]), text) if "\U0001f3f4" in text else text
    tags = _TAGS.search(plain)
    if tags:
        said = "".join(chr(ord(char) - 0xE0000) for char in tags[0])
        yield "hidden-tags", _bytes_before(text, tags.start()), f"invisible characters say: {shown(said, 60)}"
    turned = _DIRECTION.search(plain)
    if turned:
        message = f"U+{ord(turned[0]):04X} changes the order in which the line is shown"
        yield "hidden-direction", _bytes_before(text, turned.start()), message


def hidden_comments(data: bytes, budget: Budget) -> Iterator[Row]:
    """HTML comments with words for an agent."""
    at = data.find(b"<!--")
    for _ in range(MOST_COMMENTS):
        if at < 0:
            return
        end = data.find(b"-->", at, at + LONGEST_COMMENT)
        comment = data[at : end if end >= 0 else at + LONGEST_COMMENT]
        if any(hits(prose(comment), WORDING, budget)):
            yield "hidden-comment", at, "a comment speaks to the agent"
        elif len({match[0] for match in COMMENT_WORDS.finditer(comment.lower())}) >= 2:
            yield "hidden-comment", at, "a comment seems to speak to the agent"
        at = data.find(b"<!--", at + len(comment))


def _bytes_before(text: str, index: int) -> int:
    return len(text[:index].encode("utf-8", "replace"))
