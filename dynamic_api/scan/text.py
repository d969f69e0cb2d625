"""A file as the rules see it, and the search in it: words first, then a short look at each, within a budget.

A pattern is tried only where one of its words stands, from there on, and over few bytes, so the time of a
scan is in proportion to the size of a folder whatever somebody puts into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW = 400
BEFORE = 160
MOST_LOOKS = 200_000
MOST_PARSED = 1024 * 1024
MOST_HITS = 5


class Pattern(NamedTuple):
    """`regex` is matched in lower case where a word of `words` begins; `message` says what that is.

    With `before`, that must be found ahead of the word in the same line.
    """

    rule: str
    message: str
    words: tuple[bytes, ...]
    regex: re.Pattern[bytes]
    before: re.Pattern[bytes] | None = None


class Hit(NamedTuple):
    """A pattern that matched, from `start` to `end`."""

    pattern: Pattern
    start: int
    end: int


@dataclass(slots=True)
class Budget:
    """How many more places one scan looks at, and how many more bytes it parses."""

    left: int = MOST_LOOKS
    parsed: int = MOST_PARSED

    def spend(self) -> bool:
        """Whether there was something left."""
        self.left -= 1
        return self.left >= 0


def pattern(rule: str, message: str, words: str, regex: str, before: str | None = None) -> Pattern:
    """A pattern; `words` stand between commas. No part of the regular expression is unbounded."""
    return Pattern(
        rule,
        message,
        tuple(words.encode().split(b",")),
        re.compile(regex.encode(), re.DOTALL),
        re.compile(before.encode()) if before else None,
    )


@dataclass
class Text:
    """The bytes of a file, and the same number of bytes in the form in which they are searched."""

    data: bytes
    searched: bytes = field(repr=False)

    def line(self, offset: int) -> int:
        """The line, counted from 1, of the byte at `offset`."""
        return self.data.count(b"\n", 0, offset) + 1

    def line_text(self, offset: int) -> bytes:
        """The line up to `offset`, at most a window of it."""
        begin = max(0, offset - WINDOW)
        return self.data[max(begin, self.data.rfind(b"\n", begin, offset) + 1) : offset]


def commands(data: bytes) -> Text:
    """Code: a line that ends in a backslash goes on."""
    return Text(data, data.lower().replace(b"\\\r\n", b"   ").replace(b"\\\n", b"  "))


def prose(data: bytes) -> Text:
    """Text: line ends and marks of emphasis are spaces."""
    return Text(data, data.lower().translate(_AS_SPACES))


_AS_SPACES = bytes(0x20 if code in b"\r\n\t*_" else code for code in range(256))


def hits(text: Text, patterns: Sequence[Pattern], budget: Budget) -> Iterator[Hit]:
    """Where the patterns match, a few times each."""
    searched = text.searched
    for entry in patterns:
        found = 0
        for word in entry.words:
            at = searched.find(word)
            while at >= 0 and found < MOST_HITS and budget.spend():
                match = entry.regex.match(searched, at, at + WINDOW)
                if match and _is_after(searched, at, entry.before):
                    found += 1
                    yield Hit(entry, at, match.end())
                at = searched.find(word, match.end() if match and match.end() > at else at + len(word))


def _is_after(searched: bytes, at: int, before: re.Pattern[bytes] | None) -> bool:
    if before is None:
        return True
    begin = max(searched.rfind(b"\n", max(0, at - BEFORE), at) + 1, at - BEFORE, 0)
    return before.search(searched, begin, at) is not None
