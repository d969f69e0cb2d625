"""Rules about secrets: what looks like one is named by kind and line; its value is never printed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from registry_builder.core.folder import File, Folder
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import rule
from registry_builder.core.rules.text import line_of
from registry_builder.core.shown import shown

RULES = (
    rule(
        "secret",
        "A file seems to hold a secret",
        "warning",
        "warning",
        why=(
            "What is in the registry is public for ever: AWS, Google, GitHub, GitLab, Slack, "
            "Stripe, npm, OpenAI and Anthropic keys, private key blocks, passwords in addresses, "
            "and random-looking values assigned to a secret's name are looked for. Values with "
            "words such as `example` are left alone."
        ),
        mend="revoke it where it was issued, remove it, and read it from the environment",
    ),
    rule(
        "env-file",
        "A filled `.env` file",
        "warning",
        "warning",
        why="Such files hold the secrets of one machine.",
        mend="remove it; publish an .env.example with empty values",
    ),
)

PLACES = 5

# Every token is a run of at least 20 such bytes; to look for runs first is ten times faster.
_RUN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/="
_RUNS = bytes(ord("x") if code in _RUN_BYTES else ord(" ") for code in range(256))
_RUN = b"x" * 20
_BEFORE = 60
_LONGEST = 2048  # what is longer is data, not a token

_TOKENS = (
    ("an AWS access key", rb"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("a Google API key", rb"(?<!\w)AIza[\w-]{35}(?![\w-])"),
    ("a GitHub token", rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40})"),
    ("a GitLab token", rb"(?<![A-Za-z0-9])glpat-[\w-]{20}"),
    ("a Slack token", rb"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{20}"),
    ("a Slack webhook", rb"services/T\w{6,12}/B\w{6,12}/\w{16}"),
    ("a Stripe key", rb"(?<![A-Za-z0-9])[rs]k_live_[A-Za-z0-9]{16}"),
    ("an npm token", rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("an Anthropic key", rb"(?<![A-Za-z0-9])sk-ant-[\w-]{24}"),
    ("an OpenAI key", rb"(?<![A-Za-z0-9])sk-(?:proj-[\w-]{24}|[A-Za-z0-9]{40})"),
)
_TOKEN = re.compile(b"|".join(b"(%s)" % pattern for _, pattern in _TOKENS))
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
_PASSWORD = re.compile(rb"://[\w.%+-]{1,64}:(?![$<{%])[^\s:@/'\"`<>{}$]{6,64}@[\w-]")
_DIGIT = re.compile(rb"[0-9]")
_ASSIGNED = re.compile(
    rb"(?:secret|token|passwd|password|api[_-]?key|access_key|credentials?)\w{0,20}[\"']?[ \t]{0,4}"
    rb"(?:=>|:=|[:=])[ \t]{0,4}[\"']?([A-Za-z0-9+/_.=-]{20,200})(?![A-Za-z0-9+/_.=(\[-])",
    re.IGNORECASE,
)
_BLANK = re.compile(rb"x{6}|your[-_]", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    rb"example|placeholder|change[-_ ]?me|your[-_]|dummy|sample|redacted|x{6}|\.{3}"
    rb"|:pass(?:word|wd)?@|:secret@",
    re.IGNORECASE,
)
_ENV_NAME = re.compile(r"\.env(?:\.(?!example$|sample$|template$|dist$|defaults?$)[\w.-]+)?")
_ENV_LINE = re.compile(
    rb"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w{0,99})[ \t]*=[ \t]*([^\s#][^\n]*)$", re.MULTILINE
)


def check_secrets(folder: Folder) -> Iterator[Problem]:
    """What looks like a secret, by file: the first few places, then how many more lines there are."""
    for file in folder.files:
        if b"\0" in file.data[:8192]:
            continue
        places: dict[int, str] = {}
        for offset, kind in _secrets(file.data):
            places.setdefault(line_of(file.data, offset), kind)
            if len(places) > PLACES:
                break
        for count, (line, kind) in enumerate(sorted(places.items())):
            message = f"this looks like {kind}" if count < PLACES else "and more lines that look like secrets"
            yield Problem("secret", line, message, path=file.path)
        yield from _env(file)


def _secrets(data: bytes) -> Iterator[tuple[int, str]]:
    if b"PRIVATE KEY" in data:
        yield from ((match.start(), "a private key") for match in _PRIVATE_KEY.finditer(data))
    if b"@" in data and b"://" in data:
        for match in _PASSWORD.finditer(data):
            if not _PLACEHOLDER.search(match[0]):
                yield match.start(), "a password in an address"
    runs = data.translate(_RUNS)
    start = runs.find(_RUN)
    while start >= 0:
        end = runs.find(b" ", start)
        end = len(data) if end < 0 else end
        if end - start <= _LONGEST:
            yield from _in_run(data, start, end)
        start = runs.find(_RUN, end)


def _in_run(data: bytes, start: int, end: int) -> Iterator[tuple[int, str]]:
    """What the run of token bytes from `start` to `end` looks like, also by the name it is assigned to."""
    for match in _TOKEN.finditer(data, start, end):
        if match.lastindex and not _BLANK.search(match[0]):
            yield match.start(), _TOKENS[match.lastindex - 1][0]
            return

    if not _DIGIT.search(data, start, end):
        return
    assigned = _ASSIGNED.search(data, max(0, start - _BEFORE), end + 1)
    if assigned and _random(assigned[1]) and not _PLACEHOLDER.search(assigned[0]):
        yield assigned.start(1), "a random value assigned to a secret's name"


def _random(value: bytes) -> bool:
    """Whether `value` looks generated: letters and digits mixed, and at least 3.5 bits in each character."""
    letters = sum(value.count(byte) for byte in set(value) if chr(byte).isalpha())
    digits = sum(value.count(byte) for byte in set(value) if chr(byte).isdigit())
    if digits < 2 or letters < 2:
        return False
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) >= 3.5


def _env(file: File) -> Iterator[Problem]:
    name = file.path.rpartition("/")[2]
    if not _ENV_NAME.fullmatch(name):
        return
    for match in _ENV_LINE.finditer(file.data):
        value = match[2].strip(b" \t\r'\"")
        if value and not _PLACEHOLDER.search(value):
            variable = match[1].decode()
            message = f"{shown(file.path)} gives {variable} a value"
            yield Problem("env-file", line_of(file.data, match.start()), message, path=file.path)
            return
