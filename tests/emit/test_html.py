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
from registry_builder.emit.html.lists import TYPES
from registry_builder.emit.html.render import pages
from registry_builder.emit.html.shown import visible
from registry_builder.emit.table import EMITTERS

FOLDER = Path(__file__).resolve().parents[2] / "site"
STYLE = (FOLDER / "static" / "style.css").read_text("utf-8")
SHEET, ICON, SCRIPT = f"static/{'5' * 64}.css", f"static/{'6' * 64}.svg", f"static/{'7' * 64}.js"
PLACE = replace(
    SITE,
    templates={path.name: path.read_text("utf-8") for path in (FOLDER / "templates").glob("*.html")},
    assets={"style.css": SHEET, "favicon.svg": ICON, "site.js": SCRIPT},
    emitters=tuple(name for name in EMITTERS if name not in {"discovery_v01", "clawhub", "git"}),
    collections=(collection("docs", "aa", "bb"), collection("empty")),
    retired=("old", "docs"),
)
VOID = {"meta", "link", "br", "img", "hr", "input"}
BLOCKS = {"p", "div", "ul", "ol", "dl", "pre", "section", "h1", "h2", "h3", "nav", "header", "footer", "main"}
FORBIDDEN = ("style", "iframe", "base", "object", "embed", "svg", "math")
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
    found += [
        f"<{tag}>" for tag in ("style", "iframe", "base", "object", "embed", "svg", "math") if tag in names
    ]
    found += [f"<script> {own}" for tag, own in parser.tags if tag == "script" and not harmless(own)]
    attributes = {name for _, own in parser.tags for name in own}
    found += [f"attribute {name}" for name in sorted(attributes) if name == "style" or name.startswith("on")]
    levels = [int(tag[1]) for tag in names if re.fullmatch(r"h[1-6]", tag)]
    found += [f"h{low} under h{up}" for up, low in pairwise(levels) if low > up + 1]
    found += ["no language"] if dict(parser.tags[0][1]).get("lang") != "en" else []
    found += [] if ("a", {"class": "skip", "href": "#content"}) in parser.tags else ["no skip link"]
    found += [] if "content" in ids else ["the skip link leads nowhere"]
    return found


def harmless(script: Mapping[str, str]) -> bool:
    """A script of our own by its digest, or data, which no browser runs."""
    source = script.get("src", "").rpartition("static/")[2]
    return script == {"type": "application/ld+json"} or bool(re.fullmatch(r"[0-9a-f]{64}\.js", source))


def links(key: str, body: bytes) -> Iterator[str]:
    """The keys that the page at `key` links to."""
    for target in parse(body).values("href"):
        parts = urlsplit(target.partition("#")[0])
        if target.startswith(SITE.base_url):
            yield target.partition("#")[0].removeprefix(f"{SITE.base_url}/")
        elif not parts.scheme and parts.path:
            assert not parts.path.startswith("/"), "a link from the root does not survive a prefix"
            yield posixpath.normpath(posixpath.join(posixpath.dirname(key), parts.path))


def fragments(key: str, body: bytes) -> Iterator[str]:
    """The places on its own page that the page at `key` links to."""
    yield from (target for target in parse(body).values("href") if target.startswith("#"))


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
    *(document(f"t-{kind}", type=kind) for kind in TYPES),
    document("docs", type="bundle"),
]
PAGES = emit(DOCUMENTS, allowed_tools=("Bash", "Read"), body="# AA\n\nDo it.\n")


def test_there_are_these_keys_and_nothing_else() -> None:
    names = [subject.name for subject in DOCUMENTS if subject.type != "bundle"]
    own = ("index.html", "index.md", "files.html", "feed.atom", "feed.json")
    expected = {f"skills/{name}/{file}" for name in names for file in own} | {"skills/aa/changes.html"}
    shared = ("index.html", "feed.atom", "feed.json")
    expected |= {f"collections/{name}/{file}" for name in ("docs", "empty", "old") for file in shared}
    expected |= {
        *shared,
        "404.html",
        "registry.html",
        "robots.txt",
        "sitemap.xml",
        "llms.txt",
        "skills/index.html",
    }
    assert PAGES.keys() == expected | {f"types/{kind}.html" for kind in TYPES}


@pytest.mark.parametrize("key", [key for key in PAGES if key.endswith(".html")])
def test_page_is_well_formed_and_its_links_lead_to_keys(key: str) -> None:
    assert problems(PAGES[key]) == []
    downloads = {download_key(item.name, one.sha256) for item in DOCUMENTS for one in item.versions}
    known = downloads | PAGES.keys() | {SHEET, ICON, "release.json"}
    assert set(links(key, PAGES[key])) - known == set()
    assert {f"#{name}" for name in parse(PAGES[key]).values("id")} >= set(fragments(key, PAGES[key]))


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


def test_404_links_absolutely_because_it_stands_for_any_key() -> None:
    targets = parse(PAGES["404.html"]).values("href")
    assert [target for target in targets if not target.startswith((SITE.base_url, "#content"))] == []


def commands(key: str) -> dict[str, str]:
    """Heading → text of each way to install that the page at `key` offers."""
    found = re.findall(
        r"<h3>(.+?)</h3>\n<pre class=\"command\" data-copy><code>(.+?)</code></pre>",
        PAGES[key].decode(),
        re.DOTALL,
    )
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
        "sx: docs": f"(umask 077; mkdir -p sx-acme-docs; printf '%s' '{settings}' > "
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
        ("collections/docs/index.html", ["Claude Code", "skills", "sx: docs"]),
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
            ["It lost data.", "Ann <ann@", "Download version 2", "0.3", "Bash"],
            ["Download version 1"],
        ),
        ("bb", ["is deprecated", "Reason: Old.", "Use aa instead.", "Download version 1"], []),
        ("cc", ["was withdrawn", "Reason: Wrong.", "Does cc."], ["Download version", "Do it."]),
        ("dd", ["is quarantined", "Reason: Steals."], ["Trust.", "Download version", "Do it.", "DD"]),
        ("ee", ["was removed", "Does ee."], ["Download version", "Do it."]),
    ],
)
def test_page_tells_the_state(name: str, told: Sequence[str], untold: Sequence[str]) -> None:
    page = parse(PAGES[f"skills/{name}/index.html"])
    text = "".join([*page.text, *page.values("aria-label")])
    assert [part for part in told if part not in text] == []
    assert [part for part in untold if part in text] == []


def test_front_page_counts_what_is_served_by_type_and_lists_name_it() -> None:
    body = PAGES["index.html"].decode()
    assert re.findall(r'<a href="types/([a-z]+)\.html">([^<]+?) <span class="count">(\d+)<', body) == [
        (kind, label, "3" if kind == "skill" else "1") for kind, label in TYPES.items()
    ]
    everything = PAGES["skills/index.html"].decode()
    assert [name for name in ("cc", "dd", "ee") if f"skills/{name}/" in body + everything] == []
    assert '<span class="badge deprecated">deprecated</span>' in everything


def test_empty_registry_says_so() -> None:
    made = emit([], replace(PLACE, collections=(), description=""))
    assert "Nothing has been published yet." in made["index.html"].decode()
    assert problems(made["index.html"]) == []


PLAIN = document("aa", tags=("x", "y"), licence="x", author="x", homepage="x")
SHAPE = [tag for tag, _ in parse(emit([PLAIN], title="x")["skills/aa/index.html"]).tags]
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
    alone = emit([subject], PLACE)["skills/aa/index.html"]
    assert [tag for tag, _ in parse(alone).tags] == SHAPE
    assert visible(text).strip() in "".join(parse(alone).text)


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
    assert visible(text) == seen


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
    assert visible(text) in "".join(parse(body).text)


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
    assert pages(dict(PLACE.templates)) is pages(dict(sorted(PLACE.templates.items(), reverse=True)))


def test_name_without_a_skill_has_a_page() -> None:
    body = dict(html.emit_skill(Page(document("aa"), None, ()), PLACE))["skills/aa/index.html"]
    assert problems(body) == []


def test_summary_description_is_cut_on_lists() -> None:
    made = html.emit_registry([summary("aa", description="word " * 300)], PLACE)
    assert dict(made.entries)["collections/docs/index.html"].count(b"word") < 50


PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", STYLE)
}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("text", "page"),
        ("quiet", "page"),
        ("link", "page"),
        ("text", "raised"),
        ("quiet", "raised"),
        ("link", "raised"),
        ("warn-text", "warn-page"),
        ("stop-text", "stop-page"),
        ("ins-text", "ins-page"),
        ("del-text", "del-page"),
        *((name, "raised") for name in ("comment", "keyword", "string", "number", "function", "builtin")),
    ],
)
def test_contrast_is_at_least_4_5(scheme: int, text: str, ground: str) -> None:
    assert contrast(PAIRS[text][scheme], PAIRS[ground][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_edge_of_a_field_is_seen(scheme: int) -> None:
    assert contrast(PAIRS["edge"][scheme], PAIRS["page"][scheme]) >= 3


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_style_has_each_colour_in_both_schemes_and_fetches_nothing() -> None:
    assert re.findall(r"url\(|@import|https?:", STYLE) == []
    assert re.findall(r"#[0-9a-f]{3,8}\b", STYLE) == [colour for pair in PAIRS.values() for colour in pair]
    assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) == PAIRS.keys() | {"serif", "mono"}
