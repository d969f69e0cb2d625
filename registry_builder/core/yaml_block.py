"""The YAML of a front matter as plain data, read from events so that no depth or size can hurt.

Only what every reader of a skill agrees on is understood: one mapping with text keys, no anchors, no
aliases, no merge keys, no tags but text. Scalars follow the YAML 1.2 core schema where a number is only a
number if writing it gives the same text again, so that `1.10` and dates stay what the author wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from registry_builder.core.problem import Problem
from registry_builder.core.shown import shown

TEXT_FIELDS = frozenset({"name", "description", "version", "license"})
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_PROBLEMS = 50
MAX_SAFE_INTEGER = 2**53 - 1

# U+0085, U+2028 and U+2029 are line breaks to YAML 1.1 and to nobody else.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(\.[0-9]{1,17})?")
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_PLAIN_TAGS = frozenset({"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_ON_OFF = frozenset("yYnN") | {
    form(word) for word in ("yes", "no", "on", "off") for form in (str.lower, str.upper, str.title)
}


@dataclass(slots=True)
class Block:
    """What was read: `fields` with the line of each top-level key, and what is wrong."""

    fields: dict[str, object] | None = None
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    """A collection that is still open; `key` is the mapping's key that waits for its value."""

    value: dict[str, object] | list[object]
    lines: dict[str, int] = field(default_factory=dict)
    key: str | None = None


class _GaveUp(Exception):  # noqa: N818 - never leaves this module
    """The rest of the block says nothing more that is worth reading."""


def read_block(text: str, first_line: int) -> Block:
    """Read `text`, whose first line is `first_line` of its file. `fields` is None if nothing is usable."""
    reader = _Reader(first_line)
    try:
        reader.read(text)
    except _GaveUp:
        reader.block.fields = None
    except yaml.MarkedYAMLError as error:
        reader.block.fields = None
        line = first_line + _bad_line(error, text.rstrip().count("\n"))
        reader.block.problems.append(Problem("yaml-bad", line, f"the YAML cannot be read: {_reason(error)}"))
    except yaml.YAMLError as error:
        reader.block.fields = None
        message = f"the YAML cannot be read: {shown(str(error))}"
        reader.block.problems.append(Problem("yaml-bad", first_line, message))
    return reader.block


def _bad_line(error: yaml.MarkedYAMLError, last: int) -> int:
    """Where the error is; for what is never closed, where it was opened."""
    places = [mark.line for mark in (error.problem_mark, error.context_mark) if mark]
    return next((line for line in places if line <= last), last)


def _reason(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.problem, error.context) if part]
    return shown(" ".join(parts)) or "unknown reason"


def ambiguous(text: str) -> bool:
    """Whether a plain `text` is a number, a boolean, a date or null to some YAML reader."""
    if text in _NULLS or text in _BOOLS or text in _ON_OFF:
        return True
    patterns = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], [])
    return any(pattern.match(text) for _, pattern in patterns)


def resolved(text: str) -> object:
    """The value of a plain scalar."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    value = float(text) if number[1] else int(text)
    return value if str(value) == text and abs(value) <= MAX_SAFE_INTEGER else text


class _Reader:
    """Builds the value of a block from its events, with a stack of its own instead of recursion."""

    def __init__(self, first_line: int) -> None:
        self.block = Block()
        self.first_line = first_line
        self.stack: list[_Frame] = []
        self.started = False

    def note(self, rule: str, line: int, message: str) -> None:
        self.block.problems.append(Problem(rule, line, message))
        if len(self.block.problems) >= MAX_PROBLEMS:
            raise _GaveUp

    def read(self, text: str) -> None:
        events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        for count, event in enumerate(events):
            if count > MAX_NODES:
                self.give_up("yaml-too-big", event, f"the front matter has more than {MAX_NODES} parts")
            self.take(event)
        if not self.started:
            self.block.fields = {}

    def give_up(self, rule: str, event: yaml.Event, message: str) -> None:
        self.note(rule, self.line(event), message)
        raise _GaveUp

    def line(self, event: yaml.Event) -> int:
        return self.first_line + (event.start_mark.line if event.start_mark else 0)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
        elif isinstance(event, yaml.AliasEvent) and not self.started:
            self.give_up("yaml-not-mapping", event, "the front matter is an alias, not `key: value` lines")
        elif isinstance(event, yaml.AliasEvent):
            self.note(
                "yaml-alias",
                self.line(event),
                f"the alias *{shown(event.anchor or '')} is not read by every client",
            )
            self.put(None, event)

    def open(self, event: yaml.CollectionStartEvent) -> None:
        self.check_anchor(event)
        if event.tag and event.tag not in _PLAIN_TAGS:
            self.note("yaml-tag", self.line(event), f"the tag {shown(event.tag)} is not read by every client")
        mapping = isinstance(event, yaml.MappingStartEvent)
        if not self.started and not mapping:
            self.give_up("yaml-not-mapping", event, "the front matter is a list, not `key: value` lines")
        if len(self.stack) >= MAX_DEPTH:
            self.give_up("yaml-too-big", event, f"the front matter is nested more than {MAX_DEPTH} deep")
        frame = _Frame({} if mapping else [])
        if self.started:
            self.put(frame.value, event)
        else:
            self.started = True
            assert isinstance(frame.value, dict)
            self.block.fields, self.block.lines = frame.value, frame.lines
        self.stack.append(frame)

    def check_anchor(self, event: yaml.NodeEvent) -> None:
        if event.anchor is not None:
            self.note(
                "yaml-alias",
                self.line(event),
                f"the anchor &{shown(event.anchor or '')} is not read by every client",
            )

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self.check_anchor(event)
        if not self.started:
            self.give_up("yaml-not-mapping", event, "the front matter is one text, not `key: value` lines")
        text: str = event.value
        if not text.isprintable() and (control := CONTROL.search(text)):
            code = ord(control[0])
            self.note(
                "front-matter-control",
                self.line(event),
                f"an escape gives the control character U+{code:04X}",
            )
        if event.tag and event.tag not in _TEXT_TAGS:
            self.note("yaml-tag", self.line(event), f"the tag {shown(event.tag)} is not read by every client")
        plain = not event.tag and bool(event.implicit[0])
        frame = self.stack[-1]
        if isinstance(frame.value, dict) and frame.key is None:
            self.key(frame, text, plain, event)
        elif len(self.stack) == 1 and frame.key in TEXT_FIELDS:
            self.text_field(frame.key, text, plain, event)
        else:
            self.put(resolved(text) if plain else text, event)

    def key(self, frame: _Frame, text: str, plain: bool, event: yaml.ScalarEvent) -> None:
        line = self.line(event)
        if plain and text in _NULLS:
            self.note("yaml-key", line, f"the key {text or '(empty)'} is no text")
        if plain and text == "<<":
            self.note("yaml-alias", line, "the merge key << is not read by every client")
        if text in frame.lines:
            self.note(
                "yaml-duplicate-key",
                line,
                f"the key {shown(text)} was already given on line {frame.lines[text]}",
            )
        frame.lines.setdefault(text, line)
        frame.key = text

    def text_field(self, key: str, text: str, plain: bool, event: yaml.ScalarEvent) -> None:
        if plain and text and key in ("name", "description") and ambiguous(text):
            self.note("text-unquoted", self.line(event), f"{key}: {shown(text)} is no text to a YAML reader")
        self.put(text, event)

    def put(self, value: object, event: yaml.Event) -> None:
        frame = self.stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            self.give_up(
                "yaml-key", event, "a key of the front matter is not a text but a collection or an alias"
            )
        else:
            frame.value.setdefault(frame.key, value)
            frame.key = None
