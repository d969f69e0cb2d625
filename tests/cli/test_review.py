"""The Markdown of a plan: what it says, and that nothing it quotes gets out of its cell."""

from __future__ import annotations

import html
import json
import re

import comrak
import pytest

from registry_builder.cli.review import LONGEST, ROWS, code, markdown, read_plan
from registry_builder.core.errors import Misuse

TREE = "0123456789abcdef" * 2 + "01234567"
HOSTILE = [
    "@octocat please look",
    "@acme/security",
    "close #1, fixes acme/site#2 GH-3",
    "https://evil.example www.evil.example me@evil.example",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "<img src=x onerror=alert(1)><script>alert(1)</script><!--",
    "</td></tr></table><h1>Approved</h1>",
    "`code` ``more`` ```\nfence\n```",
    "one | two || three \\| four \\\\| five",
    "line\nbreak\r\n| new | row |\n\n# Title",
    "\u2028| a |\u2029\u0085\x0b\x0c| b |",
    "\x1b[31mred\x07 \u202egnihtemos\u2066 \u200b zero",
    "**bold** _em_ ~~gone~~ :tada: $x^2$ \\(y\\)",
    "- [ ] task\n> quote\n---",
    "&lt;b&gt; &#64;octocat &#x7c;",
    "<!-- skillpress plan -->",
    "x" * 100_000,
    "\\",
    "`",
    "|",
    " ",
    "",
    "\ud800 lone",
    "😀" * 300,
]


def rendered(text: str) -> str:
    options = comrak.ExtensionOptions()
    options.table, options.autolink, options.strikethrough, options.tasklist = True, True, True, True
    render = comrak.RenderOptions()
    render.unsafe_ = True
    page: str = comrak.render_markdown(text, extension_options=options, render_options=render)
    return page


def hostile_plan(text: str) -> dict[str, object]:
    return {
        "minted": [{"name": text, "version": 2, "tree": text}],
        "removed": [text],
        "refused": [text],
        "keys": [{"key": text, "change": text, "class": text, "bytes": 3}],
        "error": {"code": "refused", "message": text},
        "findings": [
            {"rule": text, "level": "error", "path": text, "line": 1, "message": text, "mend": text}
        ],
    }


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_quoted_leaves_its_code_span(text: str) -> None:
    plain, odd = (rendered(markdown(read_plan(hostile_plan(words)))) for words in ("plain", text))
    frame = re.compile(r"(?<=<code>).*?(?=</code>)|(?<=<td>)–(?=</td>)", re.DOTALL)
    shape = frame.sub("", odd).replace("<code></code>", "").replace("–", "")
    assert shape == frame.sub("", plain).replace("<code></code>", "")
    assert set(re.findall(r"</?([a-z0-9]+)", odd)) <= set(re.findall(r"</?([a-z0-9]+)", plain))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alpha", "alpha"),
        ("a  b\n\tc", "a b c"),
        ("a|b`c`", "a\\u007cb'c'"),
        ("\x1b[1m", "\\u001b[1m"),
        ("<b>", "<b>"),
        ("&#64;octocat", "&#64;octocat"),
        ("x" * 121, "x" * 119 + "…"),
    ],
)
def test_a_code_span_shows_the_text_itself(text: str, shown: str) -> None:
    found = re.search("<code>(.*)</code>", rendered(code(text)))
    assert found is not None
    assert html.unescape(found[1]) == shown


def test_a_plan_is_told_whole() -> None:
    plan = {
        "schema": 1,
        "minted": [{"name": "alpha", "version": 3, "tree": TREE}],
        "removed": ["beta"],
        "refused": [],
        "keys": [
            {"key": "a", "change": "create", "class": "immutable", "bytes": 1000, "sha256": "0"},
            {"key": "b", "change": "create", "class": "immutable", "bytes": 500, "sha256": "0"},
            {"key": "c", "change": "change", "class": "index", "bytes": 7, "sha256": "0"},
        ],
        "nodes": 4,
    }
    assert markdown(read_plan(json.dumps(plan).encode())) == (
        "### Skillpress plan\n\n"
        "Merging this: 1 version minted, 1 skill removed, 3 keys written (1,507 bytes).\n\n"
        "**Minted**\n\n"
        "| skill | version | tree |\n| --- | --- | --- |\n| `alpha` | 3 | `0123456789ab` |\n\n"
        "**Removed**\n\n"
        "| skill |\n| --- |\n| `beta` |\n\n"
        "**Keys**\n\n"
        "| change | class | keys | bytes |\n| --- | --- | --- | --- |\n"
        "| `change` | `index` | 1 | 7 |\n| `create` | `immutable` | 2 | 1,500 |\n"
    )


def test_an_empty_plan_says_so() -> None:
    assert markdown(read_plan(b'{"schema": 1}')) == "### Skillpress plan\n\nNothing would change.\n"


def test_many_rows_are_cut_and_counted() -> None:
    text = markdown(read_plan({"removed": [f"skill-{number}" for number in range(1000)]}))
    assert text.count("`skill-") == ROWS
    assert text.endswith("… and 950 more.\n")


def test_the_longest_page_fits_into_a_comment() -> None:
    row = {"rule": "r", "level": "error", "path": "\x01" * 500, "line": 1, "message": "\x01" * 500}
    plan = {"findings": [row] * 60, "minted": [{"name": "\x01" * 500, "version": 1, "tree": TREE}] * 60}
    assert len(markdown(read_plan(plan))) <= LONGEST


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"schema": 2}',
        b'{"minted": [1]}',
        b'{"minted": [{"name": 1, "version": 1, "tree": ""}]}',
        b'{"keys": [{"change": "x", "class": "y", "bytes": "many"}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_plan_is_refused(body: bytes) -> None:
    with pytest.raises(Misuse, match="plan"):
        read_plan(body)
