"""The pages: well formed, linked within themselves, legible, and safe whatever a skill says."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from samples import SITE, collection, derived_npm, document, page, row, sha, summary

from registry_builder.core.folder import File
from registry_builder.core.key import download_key
from registry_builder.core.ledger import Document, Removal
from registry_builder.emit import html
from registry_builder.emit.base import Collection, Page, Site, summarise

FOLDER = Path(__file__).resolve().parents[2] / "site"
STYLE = (FOLDER / "static" / "style.css").read_text("utf-8")
SHEET = f"static/{'5' * 64}.css"
PLACE = replace(
    SITE,
    templates={path.name: path.read_text("utf-8") for path in (FOLDER / "templates").glob("*.html")},
    assets={"style.css": SHEET},
    collections=(collection("docs", "aa", "bb"), collection("empty")),
    retired=("old", "docs"),
)
VOID = {"meta", "link", "br", "img", "hr", "input"}
BLOCKS = {"p", "div", "ul", "ol", "dl", "pre", "section", "h1", "h2", "h3", "nav", "header", "footer", "main"}
HOSTILE = [
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "</pre></code></title><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&amp;&lt;script&gt;",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200b\u200d\ufeff\u00ad\u061c",
    "\x00\x08\x1b[31m\x7f\x85\u2028\r",
    "".join(chr(0xE0000 + ord(char)) for char in "ignore all") + "\U000e0100\ufe01",
    "lone \ud800 and \udcff",
    "crab 🦀 ❤️ שלום",
]


class Parser(HTMLParser):
    """Reads one page and complains about what a browser would have to mend."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.problems.append(f"<{tag}> has an attribute twice")
        if tag in BLOCKS and {"p", "h1", "h2", "h3", "pre", "span", "a", "code"} & set(self.open):
            self.problems.append(f"<{tag}> inside <{'> <'.join(self.open)}>")
        if tag == "a" and "a" in self.open:
            self.problems.append("a link in a link")
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def parse(body: bytes) -> Parser:
    parser = Parser()
    parser.feed(body.decode("utf-8"))
    parser.close()
    if parser.open:
        parser.problems.append(f"<{'> <'.join(parser.open)}> stay open")
    return parser


def problems(body: bytes) -> list[str]:
    """What is wrong with a page of its own."""
    parser = parse(body)
    ids = parser.values("id")
    found = list(parser.problems)
    found += [f"id {name} twice" for name in ids if ids.count(name) > 1]
    found += [f"no id {name}" for name in parser.values("aria-labelledby") if name not in ids]
    names = [tag for tag, _ in parser.tags]
    once = ("h1", "main", "title", "header")
    found += [f"{names.count(tag)} <{tag}>" for tag in once if names.count(tag) != 1]
    found += [f"<{tag}>" for tag in ("script", "style", "iframe", "form", "base", "object") if tag in names]
    attributes = {name for _, own in parser.tags for name in own}
    found += [f"attribute {name}" for name in sorted(attributes) if name == "style" or name.startswith("on")]
    levels = [int(tag[1]) for tag in names if re.fullmatch(r"h[1-6]", tag)]
    found += [f"h{low} under h{up}" for up, low in pairwise(levels) if low > up + 1]
    found += ["no language"] if dict(parser.tags[0][1]).get("lang") != "en" else []
    found += [] if ("a", {"class": "skip", "href": "#content"}) in parser.tags else ["no skip link"]
    found += [] if "content" in ids else ["the skip link leads nowhere"]
    return found


def links(key: str, body: bytes) -> Iterator[str]:
    """The keys that the page at `key` links to."""
    for target in parse(body).values("href"):
        parts = urlsplit(target)
        if target.startswith(SITE.base_url):
            yield target.removeprefix(f"{SITE.base_url}/")
        elif not parts.scheme and parts.path:
            assert not parts.path.startswith("/"), "a link from the root does not survive a prefix"
            yield posixpath.normpath(posixpath.join(posixpath.dirname(key), parts.path))


def emit(documents: Sequence[Document], site: Site = PLACE, **changes: object) -> dict[str, bytes]:
    """Every page of a registry with `documents`; `changes` are fields of each skill."""
    made: dict[str, bytes] = {}
    for subject in documents:
        files = (File("SKILL.md", b"x" * 1_234), File("run.sh", b"true", executable=True))
        made |= dict(html.emit_skill(replace(page(subject, **changes), files=files), site))
    return made | dict(html.emit_registry([summarise(subject) for subject in documents], site).entries)


BUNDLES = {"npm": derived_npm("n"), "sx": derived_npm("s")}
DOCUMENTS = [
    document(
        "aa",
        row(1, state="yanked", reason="It lost data."),
        row(2, label="0.3", derived=BUNDLES),
        tags=("pdf", "text"),
        homepage="https://acme.example/aa",
        licence="MIT",
        author="Ann <ann@acme.example>",
        required_env=("TOKEN",),
    ),
    document("bb", row(1, state="deprecated", reason="Old."), state="deprecated", replacement="aa"),
    document("cc", row(1, state="yanked", reason="Wrong."), state="yanked"),
    document("dd", row(1, state="quarantined", reason="Steals."), state="quarantined", description="Trust."),
    document("ee", state="removed", removed=Removal("c" * 40, "2026-11-30T00:00:00Z")),
    *(document(f"t-{kind}", type=kind) for kind in html.TYPES),
    document("docs", type="bundle"),
]
PAGES = emit(DOCUMENTS, allowed_tools=("Bash", "Read"), body="# AA\n\nDo it.\n")


def test_there_is_a_page_for_each_name_and_collection_and_nothing_else() -> None:
    names = [subject.name for subject in DOCUMENTS if subject.type != "bundle"]
    collections = [f"collections/{name}/index.html" for name in ("docs", "empty", "old")]
    rest = ["404.html", "index.html", "robots.txt"]
    assert sorted(PAGES) == sorted([*(f"skills/{name}/index.html" for name in names), *collections, *rest])


@pytest.mark.parametrize("key", [key for key in PAGES if key.endswith(".html")])
def test_page_is_well_formed_and_its_links_lead_to_keys(key: str) -> None:
    assert problems(PAGES[key]) == []
    downloads = {download_key(item.name, one.sha256) for item in DOCUMENTS for one in item.versions}
    assert set(links(key, PAGES[key])) - downloads - PAGES.keys() - {SHEET} == set()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<p><div></div></p>", "<div> inside"),
        ("<b><i></b></i>", "closes something else"),
        ("<p>", "stay open"),
        ("<p id=a></p><p id=a></p>", "id a twice"),
        ("<p aria-labelledby=a></p>", "no id a"),
        ("<p></p>", "0 <h1>"),
        ("<script></script>", "<script>"),
        ("<p onclick=x></p>", "attribute onclick"),
        ("<p style=x></p>", "attribute style"),
        ("<h1></h1><h3></h3>", "h3 under h1"),
        ("<p></p>", "no skip link"),
        ("<html lang=de></html>", "no language"),
    ],
)
def test_broken_page_is_found(body: str, problem: str) -> None:
    assert problem in "\n".join(problems(body.encode()))


HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="{root}static/5555555555555555555555555555555555555555555555555555555555555555.css">
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="bar">
<a class="home" href="{root}index.html"><bdi>Acme skills</bdi></a>
</header>
<main id="content" tabindex="-1">
"""  # noqa: E501 - the policy is one attribute
FOOT = """</main>
<footer class="bar">
<p>A static registry of agent skills, published by <bdi>Acme</bdi>.</p>
</footer>
</body>
</html>
"""


def test_whole_page_of_404_links_absolutely_because_it_stands_for_any_key() -> None:
    main = """<h1>Not found</h1>
<p>There is nothing here. <a href="https://skills.acme.example/index.html">See everything that is published.</a></p>
"""  # noqa: E501 - one element a line
    head = HEAD.format(title="Not found – Acme skills", root="https://skills.acme.example/")
    assert PAGES["404.html"].decode() == head + main + FOOT


def test_whole_page_of_a_plain_rule() -> None:
    main = f"""<nav aria-label="Breadcrumb"><a href="../../index.html">All assets</a></nav>
<h1>rr</h1>
<p class="lead" dir="auto">Does rr.</p>
<dl class="facts">
<div><dt>Type</dt><dd>rule</dd></div>
<div><dt>Title</dt><dd dir="auto">RR</dd></div>
<div><dt>Version</dt><dd>1</dd></div>
</dl>
<section aria-labelledby="install">
<h2 id="install">Install</h2>
<h3>curl</h3>
<pre><code>curl -fsSL -o rr.zip https://skills.acme.example/api/v1/downloads/public/rr/{sha("rr 1")}.zip
echo &#34;{sha("rr 1")}  rr.zip&#34; | sha256sum --check
unzip rr.zip -d rr</code></pre>

</section>
<section aria-labelledby="text">
<h2 id="text">Text</h2>
<pre class="text" dir="auto">
Mind the gap.
</pre>
</section>
<section aria-labelledby="files">
<h2 id="files">Files <span class="count">(2)</span></h2>
<ul class="files">
<li><code>SKILL.md</code> <span class="count">1,234 bytes</span></li>
<li><code>run.sh</code> <span class="count">4 bytes, executable</span></li>
</ul>
</section>
<section aria-labelledby="versions">
<h2 id="versions">Versions</h2>
<ol class="versions">
<li>
<p><strong>1</strong> <time datetime="2026-11-01T10:00:00Z">2026-11-01</time></p>
<dl class="facts">
<div><dt>Commit</dt><dd><code>{row(1).commit}</code></dd></div>
<div><dt>SHA-256</dt><dd><code>{sha("rr 1")}</code></dd></div>
<div><dt>Size</dt><dd>1,001 bytes, <a href="https://skills.acme.example/api/v1/downloads/public/rr/{sha("rr 1")}.zip">download version 1</a></dd></div>
</dl>
</li>
</ol>
</section>
"""  # noqa: E501 - one element a line
    site = replace(PLACE, collections=(), source_url=None)
    subject = document("rr", row(1, "rr", derived={}), type="rule")
    made = emit([subject], site, body="Mind the gap.\n")["skills/rr/index.html"].decode()
    assert made == HEAD.format(title="rr – Acme skills", root="../../") + main + FOOT


def commands(key: str) -> dict[str, str]:
    """Heading → text of each way to install that the page at `key` offers."""
    found = re.findall(r"<h3>(.+?)</h3>\n<pre><code>(.+?)</code></pre>", PAGES[key].decode(), re.DOTALL)
    return {title: "".join(parse(text.encode()).text) for title, text in found}


def test_skill_can_be_installed_by_each_client() -> None:
    url = f"https://skills.acme.example/api/v1/downloads/public/aa/{sha('aa 2')}.zip"
    settings = (
        '{"defaultProfile": "default", "profiles": {"default": {"authToken": "public", '
        '"repositoryUrl": "https://skills.acme.example/sx/docs", "type": "sleuth"}}}'
    )
    assert commands("skills/aa/index.html") == {
        "Claude Code": "claude plugin marketplace add https://skills.acme.example/marketplace.json\n"
        "claude plugin install aa@acme",
        "skills": "npx skills add https://skills.acme.example/s/aa",
        "npm": "npm install @acme/aa --@acme:registry=https://skills.acme.example/npm/",
        "sx, the whole collection docs": f"(umask 077; mkdir -p sx-acme-docs; printf '%s' '{settings}' > "
        "sx-acme-docs/config.json)\nSX_CONFIG_DIR=sx-acme-docs sx install",
        "curl": f"curl -fsSL -o aa.zip {url}\n"
        f'echo "{sha("aa 2")}  aa.zip" | sha256sum --check\nunzip aa.zip -d aa',
    }


@pytest.mark.parametrize(
    ("key", "titles"),
    [
        ("skills/t-hook/index.html", ["npm", "curl"]),
        ("skills/t-agent/index.html", ["Claude Code", "npm", "curl"]),
        ("skills/bb/index.html", ["Claude Code", "skills", "npm", "curl"]),
        ("skills/cc/index.html", []),
        ("skills/dd/index.html", []),
        ("skills/ee/index.html", []),
        ("collections/docs/index.html", ["Claude Code", "skills", "sx, the whole collection docs"]),
        ("collections/empty/index.html", []),
        ("collections/old/index.html", []),
        ("index.html", ["Claude Code", "skills"]),
    ],
)
def test_page_offers_only_ways_that_work(key: str, titles: Sequence[str]) -> None:
    assert list(commands(key)) == titles


@pytest.mark.parametrize(
    ("name", "told", "untold"),
    [
        (
            "aa",
            ["It lost data.", "Ann <ann@", "download version 2", "0.3", "Bash"],
            ["download version 1"],
        ),
        ("bb", ["is deprecated", "Reason: Old.", "Use aa instead.", "download version 1"], []),
        ("cc", ["was withdrawn", "Reason: Wrong.", "Does cc."], ["download version", "Do it."]),
        ("dd", ["is quarantined", "Reason: Steals."], ["Trust.", "download version", "Do it.", "DD"]),
        ("ee", ["was removed", "Does ee."], ["download version", "Do it."]),
    ],
)
def test_page_tells_the_state(name: str, told: Sequence[str], untold: Sequence[str]) -> None:
    text = "".join(parse(PAGES[f"skills/{name}/index.html"]).text)
    assert [part for part in told if part not in text] == []
    assert [part for part in untold if part in text] == []


def test_front_page_lists_what_is_served_by_type() -> None:
    body = PAGES["index.html"].decode()
    assert re.findall(r'<h2 id="group-\d+">([^<]+?) <span class="count">\((\d+)\)', body) == [
        (label, "3" if kind == "skill" else "1") for kind, label in html.TYPES.items()
    ]
    assert [name for name in ("cc", "dd", "ee") if f"skills/{name}/" in body] == []
    assert '<span class="badge deprecated">deprecated</span>' in body


def test_empty_registry_says_so() -> None:
    made = emit([], replace(PLACE, collections=(), description=""))
    assert "Nothing has been published yet." in made["index.html"].decode()
    assert problems(made["index.html"]) == []


PLAIN = document("aa", tags=("x", "y"), licence="x", author="x", homepage="x")
SHAPE = [tag for tag, _ in parse(emit([PLAIN], title="x", body="x")["skills/aa/index.html"]).tags]
HIDDEN = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_tag_and_hides_nothing(text: str) -> None:
    subject = document(
        "aa", title=text, description=text, tags=(text, "y"), licence=text, author=text, homepage=text
    )
    site = replace(
        PLACE,
        title=text,
        description=text,
        owner={"name": text},
        collections=(Collection(name="docs", title=text, description=text, members=("aa",)),),
    )
    made = emit([subject], site, body=text)
    for key, body in made.items():
        if key.endswith(".html"):
            assert problems(body) == []
            assert re.search(HIDDEN, body.decode()) is None
    alone = emit([subject], PLACE, body=text)["skills/aa/index.html"]
    assert [tag for tag, _ in parse(alone).tags] == SHAPE
    assert html.visible(text).strip() in "".join(parse(alone).text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain ❤️ שלום\n\tæ", "plain ❤️ שלום\n\tæ"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a⟨U+000D⟩b"),
        ("\u202ea", "⟨U+202E⟩a"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("\x00\x7f", "⟨U+0000⟩⟨U+007F⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\U0010ffff", "⟨U+10FFFF⟩"),
    ],
)
def test_hidden_characters_are_spelled_out(text: str, seen: str) -> None:
    assert html.visible(text) == seen


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("https://acme.example/a?b=c#d", True),
        ("http://acme.example", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("//acme.example", False),
        ("/local", False),
        ("https://", False),
        ("https://[", False),
        (" https://acme.example", False),
        ("https://acme.example/\u202e", False),
        ("https://acme.example/a b", False),
        ("java\nscript:alert(1)", False),
        ('https://acme.example/"', False),
    ],
)
def test_homepage_is_a_link_only_over_http(text: str, linked: bool) -> None:
    body = emit([document("aa", homepage=text)])["skills/aa/index.html"]
    assert (text in parse(body).values("href")) is linked
    assert html.visible(text) in "".join(parse(body).text)


@pytest.mark.parametrize(
    ("source", "linked"),
    [
        ("https://git.example/acme/skills.git", "https://git.example/acme/skills/commit/"),
        ("https://git.example/acme/skills/", "https://git.example/acme/skills/commit/"),
        ("git@git.example:acme/skills.git", None),
        ("javascript:alert(1)//", None),
        (None, None),
    ],
)
def test_commit_is_a_link_when_the_source_has_a_web_page(source: str | None, linked: str | None) -> None:
    body = emit([document("aa")], replace(PLACE, source_url=source))["skills/aa/index.html"]
    found = [target for target in parse(body).values("href") if "/commit/" in target]
    assert found == ([linked + row(1).commit] if linked else [])


def test_address_with_odd_characters_is_quoted_for_the_shell() -> None:
    site = replace(PLACE, base_url="https://h/$(touch x)'")
    text = "".join(parse(emit([document("aa")], site)["skills/aa/index.html"]).text)
    assert """add 'https://h/$(touch x)'"'"'/marketplace.json'\n""" in text


def test_pages_are_the_same_each_time() -> None:
    assert emit(DOCUMENTS, allowed_tools=("Bash", "Read"), body="# AA\n\nDo it.\n") == PAGES


def test_equal_templates_share_one_environment() -> None:
    assert html.pages(dict(PLACE.templates)) is html.pages(
        dict(sorted(PLACE.templates.items(), reverse=True))
    )


def test_name_without_a_skill_has_a_page() -> None:
    body = dict(html.emit_skill(Page(document("aa"), None, ()), PLACE))["skills/aa/index.html"]
    assert problems(body) == []


def test_summary_description_is_cut_on_lists() -> None:
    made = html.emit_registry([summary("aa", description="word " * 300)], PLACE)
    assert len(dict(made.entries)["collections/docs/index.html"]) < 3_000


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


LIGHT, DARK = (colours(block) for block in STYLE.split("@media (prefers-color-scheme: dark)"))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("text", "page"),
        ("quiet", "page"),
        ("link", "page"),
        ("text", "raised"),
        ("warn-text", "warn-page"),
        ("stop-text", "stop-page"),
    ],
)
def test_contrast_is_at_least_4_5(scheme: Mapping[str, str], text: str, ground: str) -> None:
    low, high = sorted((luminance(scheme[text]), luminance(scheme[ground])))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_style_names_every_colour_once_per_scheme_and_fetches_nothing() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert re.findall(r"url\(|@import|https?:", STYLE) == []
    assert re.findall(r"#[0-9a-f]{3,8}\b", STYLE) == [*LIGHT.values(), *DARK.values()]
    assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) == LIGHT.keys()


def verdicts_shown(told: Mapping[str, str], files: tuple[File, ...], **changes: str) -> list[str]:
    """The text of the page's table of clients, cell by cell; empty when there is none."""
    given = page(document("aa", clients=told, **changes))
    ((_, body),) = html.emit_skill(replace(given, files=files), PLACE)
    assert problems(body) == []
    table = re.search(r'<table class="clients">.*?</table>', body.decode(), re.DOTALL)
    return [text.strip() for text in parse(table[0].encode()).text if text.strip()] if table else []


def test_the_page_has_a_row_for_each_client_that_is_served() -> None:
    script = (File("scripts/r<b>.sh", b"#!/bin/sh\n", True),)
    told = {"skills": "field-ignored", "claude": "works"}
    lost = "executable bit of scripts/r<b>.sh is lost: say `sh 'scripts/r<b>.sh'`"
    assert verdicts_shown(told, script) == [
        *("Client", "Verdict", "Why", "Claude Code, archive sources", "works", "skills", "field-ignored"),
        f"{lost}; name the interpreter where the text says what to run",
    ]
    assert verdicts_shown({}, script) == []
    assert verdicts_shown(told, script, state="yanked") == []
