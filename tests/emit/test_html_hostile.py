"""No text out of a skill becomes markup: every attack through every field, through Markdown and files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hostile.markup import ATTACKS
from samples import document, page, row, skill, summary
from test_html import PLACE, parse, problems

from registry_builder.core.folder import File
from registry_builder.emit import html
from registry_builder.emit.base import Collection, Source
from registry_builder.emit.html.colour import coloured
from registry_builder.emit.html.markdown import LONGEST, render
from registry_builder.emit.html.shown import visible

HIDDEN = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\U000e0000-\U000e0fff]"
)
OURS = {
    "nav",
    "header",
    "footer",
    "main",
    "form",
    "input",
    "button",
    "label",
    "link",
    "meta",
    "script",
    "img",
}
OWN = re.compile(r"/?(\.\./)*(static/[0-9a-f]{64}\.\w+|skills/index\.html)")
SCHEMES = {"", "http", "https", "mailto"}
LOADED = {"src", "data", "action", "formaction", "background", "poster", "srcset", "srcdoc", "xlink:href"}


def attacked(text: str) -> dict[str, bytes]:
    """Every page of a registry in which `text` stands wherever others may write."""
    rows = (row(1, reason=text), row(2, label=text, path=text), row(3, label=text, path=text))
    subject = document(
        "aa",
        *rows,
        title=text,
        description=text,
        tags=(text, "y"),
        licence=text,
        author=text,
        homepage=text,
        required_env=(text,),
        replacement="bb",
        state="deprecated",
    )
    place = replace(
        PLACE,
        title=text,
        description=text,
        owner={"name": text, "url": text},
        source_url=text,
        footer=text,
        collections=(Collection(name="docs", title=text, description=text, members=("aa",)),),
    )
    data = text.encode(errors="surrogatepass")
    name = data.replace(b"/", b"|").replace(b"\0", b"|").decode(errors="surrogateescape")
    names = {name, f"scripts/{name}.py", "SKILL.md"}
    files = tuple(File(name, data) for name in sorted(names))
    old = Source(skill("aa", allowed_tools=(text,)), 2, (File("SKILL.md", b"old\n"), *files[1:]))
    made = replace(
        page(subject, body=text, allowed_tools=(text,), scripts=(text,)), files=files, earlier=lambda _: old
    )
    found = dict(html.emit_skill(made, place))
    item = summary("aa", title=text, description=text, tags=(text,), licence=text, author=text)
    return found | dict(html.emit_registry([item], place).entries)


def dangers(body: bytes) -> Iterator[str]:
    """What a browser would run, load or be led astray by."""
    for tag, own in parse(body).tags:
        for name, value in own.items():
            if name.startswith("on") or name == "style":
                yield f"<{tag} {name}>"
            if name in LOADED and not OWN.fullmatch(value.removeprefix(PLACE.base_url)):
                yield f"<{tag} {name}={value}>"
            if name == "href" and urlsplit(value.strip()).scheme.lower() not in SCHEMES:
                yield f"<{tag} href={value}>"
            if name == "href" and re.match(r"[\s\\/]", unquote(value)):
                yield f"<{tag} href={value}>"


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.id for attack in ATTACKS])
def test_attack_comes_to_nothing_anywhere(attack: tuple[str, str]) -> None:
    clean = attacked("plain")
    for key, body in attacked(attack[1]).items():
        text = body.decode()
        assert re.findall(HIDDEN, text) == [], key
        if key.endswith(".html"):
            assert problems(body) == [], key
            assert list(dangers(body)) == [], key
            assert outline(body) == outline(clean[key]), key
        elif key.endswith((".xml", ".atom")):
            ET.fromstring(text)
        elif key.endswith(".json"):
            json.loads(text)


def outline(body: bytes) -> list[str]:
    """The elements of a page that no Markdown makes: none may come or go."""
    tags = [tag for tag, _ in parse(body).tags]
    return sorted(tag for tag in tags if tag in OURS)


def test_there_are_enough_attacks_and_each_is_another() -> None:
    assert len(ATTACKS) >= 60
    assert len({attack.text for attack in ATTACKS}) == len({attack.id for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize(
    "body",
    [
        "<p onclick=x>",
        "<a href=javascript:x>",
        "<a href=' JavaScript:x'>",
        "<a href=data:x>",
        "<a href=//evil.example>",
        "<a href='/\\evil.example'>",
        "<img src=x.png>",
        "<script src=//evil.example/x.js>",
        "<p style=x>",
        "<form action=x>",
    ],
)
def test_danger_is_found(body: str) -> None:
    assert list(dangers(body.encode())) != []


def html_of(text: str) -> str:
    return str(render(text, {"references/a.md": "files.html#a"}.get).html)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("[x](references/a.md)", 'href="files.html#a"'),
        ("[x](nowhere.md)", '<span class="dead" title="This link was taken out">x</span>'),
        ("[x](javascript:y)", '<span class="dead" title="This link was taken out">x</span>'),
        (
            "[x](https://a.example/?b=c&d)",
            'href="https://a.example/?b=c&amp;d" rel="nofollow noopener noreferrer"',
        ),
        ("[x](#usage)", 'href="#md-usage"'),
        ("[x](mailto:a@b.example)", 'href="mailto:a@b.example"'),
        ("![a picture](https://a.example/x.png)", '<a class="image" href="https://a.example/x.png"'),
        ("[![badge](https://a.example/x)](https://b.example)", '<span class="image">badge</span></a>'),
        ("# Usage\n\n### Deep\n\n# Usage", '<h3 id="md-usage">Usage <a class="anchor" href="#md-usage"'),
        ("# Usage\n\n### Deep\n\n# Usage", '<h4 id="md-deep">'),
        ("# Usage\n\n### Deep\n\n# Usage", '<h3 id="md-usage-1">'),
        ("- [x] a\n- [ ] b", '<span class="task" role="img" aria-label="done">☑</span> a'),
        ("|a|b|\n|-|-:|\n|1|2|", '<td class="right">2</td>'),
        ("|a|b|\n|-|-:|\n|1|2|", '<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>'),
        ("a[^1]\n\n[^1]: note", '<li id="md-fn-1">'),
        ("a[^1]\n\n[^1]: note", '<a href="#md-fn-1" id="md-fnref-1"'),
        ("~~a~~ https://a.example", '<del>a</del> <a href="https://a.example"'),
        ("<!-- for agents -->", '<pre class="raw">&lt;!-- for agents --&gt;</pre>'),
        ("a <kbd>b</kbd>", "<p>a &lt;kbd&gt;b&lt;/kbd&gt;</p>"),
        ("```python\ndef f(): return 'x'\n```", '<span class="tk">def</span> <span class="tf">f</span>'),
        ("```cobol\nADD A\n```", '<code class="language-cobol">ADD A'),
        ("&#x202e;a", "⟨U+202E⟩a"),
    ],
)
def test_markdown_becomes(text: str, made: str) -> None:
    assert made in html_of(text)


def test_fence_of_more_than_8_kb_has_no_colour() -> None:
    fence = "```python\n" + "x = 1\n" * 1_400 + "```"
    assert "<span" not in html_of(fence)
    assert "<span" in html_of(fence.replace("x = 1\n" * 1_000, ""))


@pytest.mark.parametrize(
    ("text", "cut", "plain"),
    [
        ("word " * 200_000, True, False),
        ("x" * 130_000, True, False),
        ("line\n" * 200_000, True, False),
        ("x" * LONGEST, False, False),
        (">" * 90_000, False, True),
        ("- a\n" + "".join("  " * depth + "- x\n" for depth in range(300)), False, True),
        ("*" * 40_000 + "a" + "*" * 40_000, False, True),
        ("|a" * 2_000 + "\n" + "|-" * 2_000 + "\n" + "|x\n" * 20_000, False, True),
        ("> " + "|a" * 2_000 + "\n> " + "|-" * 2_000 + "\n" + "> |x\n" * 10_000, False, True),
        (
            "".join(f"[^{n}]" for n in range(6_000)) + "".join(f"\n\n[^{n}]: x" for n in range(4_000)),
            False,
            False,
        ),
        ("|" + "-" * 99_000 + "x", False, False),
        ("[" * 99_000, False, False),
        ("![" * 45_000, False, False),
        ("[a](<b" * 15_000, False, False),
        ("<a " * 33_000, False, False),
        ("&" * 99_000, False, False),
        ("# a\n" * 20_000, False, False),
        ("`" * 99_000, False, False),
        ("$(" * 45_000, False, False),
        ("http://" * 14_000, False, False),
    ],
    ids=range(20),
)
def test_large_or_odd_text_stays_usable(text: str, cut: bool, plain: bool) -> None:
    start = time.thread_time()
    rendered = render(text, lambda _: None)
    assert (rendered.cut, rendered.plain) == (cut, plain)
    assert len(rendered.html) < 3_000_000
    assert time.thread_time() - start < 5


def test_page_says_that_a_text_was_cut_and_where_all_of_it_is() -> None:
    made = dict(html.emit_skill(page(document("aa"), body="word " * 200_000), PLACE))
    assert (
        'Only the first 100,000 characters are shown. <a href="index.md">'
        in made["skills/aa/index.html"].decode()
    )
    assert len(made["skills/aa/index.md"]) > 1_000_000
    assert problems(made["skills/aa/index.html"]) == []


def test_hidden_characters_are_visible_in_every_form() -> None:
    made = attacked("a\u202eb")
    texts = [body.decode() for key, body in made.items() if key.startswith("skills/aa/")]
    assert [text.count(visible("a\u202eb")) > 0 for text in texts] == [True] * len(texts)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("cpp", "\n" * 8_000),
        ("c", "/" * 8_000),
        ("makefile", "1" * 8_000),
        ("typescript", "a.b" * 2_600),
        ("c", "x\n\n\n\n\n\n\n\n" * 1_000),
        ("makefile", ("1" * 299 + "\n") * 27),
        ("scss", ("{" * 299 + "\n") * 27),
    ],
)
def test_fence_that_a_lexer_is_slow_on_takes_no_time(language: str, text: str) -> None:
    start = time.thread_time()
    assert re.sub(r"<[^>]*>", "", coloured(language, text)) == text
    assert time.thread_time() - start < 5
