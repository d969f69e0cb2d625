"""Files, changes, abilities, lists and feeds: what they show, and what they hold back."""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from samples import derived_npm, document, page, row, skill, summary
from test_html import PAGES, PLACE, parse, problems

from registry_builder.core.folder import File
from registry_builder.core.ledger import Document, Row
from registry_builder.emit import html
from registry_builder.emit.base import Source, Summary
from registry_builder.emit.html import feeds
from registry_builder.emit.html.changes import PAIRS, pairs_of
from registry_builder.emit.html.commands import of_registry, of_skill
from registry_builder.emit.html.facts import abilities, tokens
from registry_builder.emit.html.lists import PER_PAGE
from registry_builder.emit.html.source_view import line_anchor, resolve, resolver, shown_files

ATOM = "{http://www.w3.org/2005/Atom}"
NUMBERS = "".join(f"{number}\n" for number in range(1_200))
MAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def made(subject: Document, files: Sequence[File], *older: Sequence[File]) -> dict[str, str]:
    """The pages of a name; `older` are the files of its versions from 1."""

    def earlier(asked: Row) -> Source:
        return Source(skill(), asked.version, tuple(older[asked.version - 1]))

    subjects = replace(page(subject), files=tuple(files), earlier=earlier)
    return {key: body.decode() for key, body in html.emit_skill(subjects, PLACE)}


def text_file(text: str, path: str = "SKILL.md") -> File:
    return File(path, text.encode())


# --- files


def test_each_line_of_a_file_has_an_anchor() -> None:
    (shown,) = shown_files([text_file("one\n<two>\n", "a/b.md")])
    assert shown.lines == (
        '<a id="a/b.md-L1" href="#a/b.md-L1">1</a><span>one</span>\n'
        '<a id="a/b.md-L2" href="#a/b.md-L2">2</a><span>&lt;two&gt;</span>'
    )


@pytest.mark.parametrize(
    ("data", "note", "lines"),
    [
        (b"", "empty", 0),
        (b"a\n\nb", "", 3),
        (b"a\n", "", 1),
        (b"\x89PNG\0", "no text", 0),
        (b"\xff\xfe", "no text", 0),
        (b"x" * 131_072, "", 1),
        (b"x" * 131_073, "only the first 131,072 bytes; the download has all of it", 1),
        ("é".encode() * 100_000, "only the first 131,072 bytes; the download has all of it", 1),
        (b"x" + "é".encode() * 100_000, "only the first 131,072 bytes; the download has all of it", 1),
        (b"x" * 131_072 + b"\xff", "only the first 131,072 bytes; the download has all of it", 1),
        (b"\x80" * 200_000, "no text", 0),
    ],
)
def test_file_is_shown_or_a_note_says_why_not(data: bytes, note: str, lines: int) -> None:
    (shown,) = shown_files([File("a", data)])
    assert (shown.note, shown.lines.count("<a ")) == (note, lines)


def test_page_of_files_has_an_end() -> None:
    shown = shown_files([File(f"{number}", b"x" * 131_072) for number in range(10)])
    assert [item.note[:9] for item in shown] == [""] * 8 + ["not shown"] * 2


@pytest.mark.parametrize("path", ["a b.md", "ä/ö.md", "50%.md", "a#b", "a?b", "x\udcff", "content", '"'])
def test_file_of_any_name_is_linked_and_found(path: str) -> None:
    pages = made(document("aa"), [text_file("x", path)])
    assert problems(pages["skills/aa/files.html"].encode()) == []
    ids = parse(pages["skills/aa/files.html"].encode()).values("id")
    assert line_anchor(path, 1) in ids
    assert f"files.html#{line_anchor(path, 1)}" in parse(pages["skills/aa/index.html"].encode()).values(
        "href"
    )


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("references/a b.md", True),
        ("./references/a%20b.md", True),
        ("references/../references/a b.md", True),
        ("references/a b.md#part", True),
        ("references/a b.md?x", True),
        ("references", False),
        ("../references/a b.md", False),
        ("references/../../references/a b.md", False),
        ("none.md", False),
    ],
)
def test_relative_link_leads_to_a_file_that_there_is(link: str, leads: bool) -> None:
    links = resolver([text_file("x", "references/a b.md")], "files.html")
    assert resolve(links, link) == ("files.html#references/a%20b.md-L1" if leads else None)


# --- changes


def test_whole_diff_of_two_versions() -> None:
    old = [text_file("one\ntwo\n"), File("gone.md", b"x"), File("image", b"\0" * 5), File("run", b"x")]
    new = [
        text_file("one\n<2>\n"),
        File("fresh.md", b"y"),
        File("image", b"\0" * 9),
        File("run", b"x", executable=True),
    ]
    (pair,) = pairs_of(document("aa", row(1), row(2)), new, lambda _: Source(skill(), 1, tuple(old)))
    assert [(item.path, item.what, item.lines, item.note) for item in pair.files] == [
        (
            "SKILL.md",
            "changed",
            (("hunk", "@@ -1,2 +1,2 @@"), ("", " one"), ("del", "-two"), ("ins", "+<2>")),
            "",
        ),
        ("fresh.md", "added", (("hunk", "@@ -0,0 +1 @@"), ("ins", "+y")), ""),
        ("gone.md", "removed", (("hunk", "@@ -1 +0,0 @@"), ("del", "-x")), ""),
        ("image", "changed", (), "no text: 5 bytes → 9 bytes"),
        ("run", "changed", (), "now executable"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("x" * 70_000, "y", "too large to compare here"),
        ("x\n" * 1_600, "y", "too large to compare here"),
        ("a\n", "a\r\n", "only line breaks differ"),
        ("a", "a\n", "only line breaks differ"),
        (
            "".join(f"{n}\n" for n in range(1_200)),
            "".join(f"{n}x\n" for n in range(1_200)),
            "the first 2,000 lines of",
        ),
    ],
)
def test_large_change_is_cut_with_a_note(old: str, new: str, note: str) -> None:
    source = Source(skill(), 1, (text_file(old),))
    (pair,) = pairs_of(document("aa", row(1), row(2)), [text_file(new)], lambda _: source)
    assert pair.files[0].note.startswith(note)
    assert len(pair.files[0].lines) <= 2_000


def test_only_the_last_pairs_are_shown_and_no_withdrawn_version_is_read() -> None:
    rows = [row(number) for number in range(1, 10)]
    rows[6] = row(7, state="yanked", reason="It has a secret.")
    asked: list[int] = []

    def earlier(wanted: Row) -> Source:
        asked.append(wanted.version)
        return Source(skill(), wanted.version, (text_file(f"{wanted.version}"),))

    pairs = list(pairs_of(document("aa", *rows), [text_file("9")], earlier))
    assert [(pair.old.version, pair.new.version) for pair in pairs] == [
        (8, 9),
        (6, 8),
        (5, 6),
        (4, 5),
        (3, 4),
    ]
    assert len(pairs) == PAIRS
    assert asked == [8, 6, 5, 4, 3]


@pytest.mark.parametrize("state", ["yanked", "quarantined", "removed"])
def test_what_is_withdrawn_is_overwritten_in_every_file_of_the_name(state: str) -> None:
    files = [text_file("Steals.")]
    before = made(document("aa", row(1), row(2)), files, files)
    subject = document("aa", row(1, state=state), row(2, state=state), state=state)
    after = made(subject, files, files)
    assert after.keys() == before.keys()
    assert [key for key, body in after.items() if "Steals." in body] == []


# --- abilities


def test_abilities_and_what_is_new_among_them() -> None:
    old = (
        skill(scripts=("run.sh",), required_env=("TOKEN",)),
        [text_file("curl https://old.example/x"), text_file("echo $GONE", "run.sh")],
    )
    new = (
        skill(scripts=("run.sh", "go.py"), required_env=("TOKEN",), allowed_tools=("Bash",)),
        [
            text_file("http://User:pw@New.example:80/ https://new.example"),
            text_file("os.environ['API_KEY']", "go.py"),
        ],
    )
    assert [(item.label, item.items, sorted(item.added), item.dropped) for item in abilities(new, old)] == [
        ("Runs", ("go.py", "run.sh"), ["go.py"], ()),
        ("Tools it asks for", ("Bash",), ["Bash"], ()),
        ("Hosts it names", ("new.example",), ["new.example"], ("old.example",)),
        ("Environment it reads", ("API_KEY", "TOKEN"), ["API_KEY"], ("GONE",)),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("echo $API_KEY ${OTHER_KEY}", {"API_KEY", "OTHER_KEY"}),
        ('os.environ["API_KEY"] os.environ.get("OTHER_KEY")', {"API_KEY", "OTHER_KEY"}),
        ("os.getenv('API_KEY'); process.env.OTHER_KEY", {"API_KEY", "OTHER_KEY"}),
        ('ENV["API_KEY"] env::var("OTHER_KEY") $env:THIRD_KEY', {"API_KEY", "OTHER_KEY", "THIRD_KEY"}),
        ("$HOME $PATH $x $1 API_KEY", set()),
    ],
)
def test_environment_is_found(text: str, found: set[str]) -> None:
    rows = {item.label: set(item.items) for item in abilities((skill(), [text_file(text)]), None)}
    assert rows.get("Environment it reads", set()) == found


def test_tokens_are_a_quarter_of_the_bytes() -> None:
    assert [tokens(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


# --- lists and feeds


def many(count: int) -> list[Summary]:
    return [summary(f"s-{number:05}") for number in range(count)]


def test_lists_are_cut_into_pages_that_name_each_asset_once() -> None:
    keys = {key: body.decode() for key, body in html.emit_registry(many(450), PLACE).entries}
    lists = ["skills/index.html", "skills/index-2.html", "skills/index-3.html"]
    named = [re.findall(r'data-asset="([^"]+)"', keys[key]) for key in lists]
    assert [len(names) for names in named] == [PER_PAGE, PER_PAGE, 50]
    assert functools.reduce(operator.iadd, named, []) == [item.name for item in many(450)]
    assert [problems(keys[key].encode()) for key in lists] == [[], [], []]
    assert '<a href="index-3.html" aria-label="Page 3">' in keys["skills/index.html"]


def test_atom_feed_has_what_the_standard_asks_for() -> None:
    feed = ET.fromstring(PAGES["feed.atom"])
    assert [feed.findtext(f"{ATOM}{name}") for name in ("title", "id", "updated")] == [
        "Acme skills",
        "https://skills.acme.example/feed.atom",
        "2026-11-02T10:00:00Z",
    ]
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Acme"
    assert [item.attrib for item in feed.findall(f"{ATOM}link")] == [
        {"rel": "self", "type": "application/atom+xml", "href": "https://skills.acme.example/feed.atom"},
        {"rel": "alternate", "type": "text/html", "href": "https://skills.acme.example/index.html"},
    ]
    entries = feed.findall(f"{ATOM}entry")
    needed = [[entry.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated")] for entry in entries]
    assert needed[0] == [
        "https://skills.acme.example/skills/aa/index.html#v2",
        "aa 2",
        "2026-11-02T10:00:00Z",
    ]
    ids = [row[0] for row in needed]
    assert len(set(ids)) == len(ids) == 9
    assert all(all(row) for row in needed)


@pytest.mark.parametrize("key", [key for key in PAGES if key.endswith("feed.json")])
def test_json_feed_has_what_the_standard_asks_for(key: str) -> None:
    feed = json.loads(PAGES[key])
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"https://skills.acme.example/{key}"
    assert feed["title"]
    assert feed["home_page_url"].removeprefix("https://skills.acme.example/") in PAGES
    twin = ET.fromstring(PAGES[key.replace(".json", ".atom")])
    assert [item["id"] for item in feed["items"]] == [item.text for item in twin.iter(f"{ATOM}id")][1:]
    assert all(item["content_text"] and item["date_published"] for item in feed["items"])


@pytest.mark.parametrize(
    ("key", "ids"),
    [
        ("skills/aa/feed.json", ["aa/index.html#v2"]),
        ("skills/bb/feed.json", ["bb/index.html#v1"]),
        ("skills/cc/feed.json", []),
        ("skills/dd/feed.json", []),
        ("collections/docs/feed.json", ["aa/index.html#v2", "bb/index.html#v1"]),
        ("collections/old/feed.json", []),
    ],
)
def test_feeds_name_only_what_is_served(key: str, ids: Sequence[str]) -> None:
    items = json.loads(PAGES[key])["items"]
    assert [item["id"].partition("/skills/")[2] for item in items] == ids


def test_site_map_names_every_page_of_what_is_served() -> None:
    found = [item.text or "" for item in ET.fromstring(PAGES["sitemap.xml"]).iter(f"{MAPS}loc")]
    keys = [item.removeprefix("https://skills.acme.example/") for item in found]
    assert set(keys) <= PAGES.keys()
    assert {"index.html", "skills/aa/index.html", "skills/bb/index.html"} <= set(keys)
    assert [name for name in ("cc", "dd", "ee") if f"skills/{name}/index.html" in keys] == []


def test_large_site_map_is_split_and_each_part_is_named() -> None:
    made = dict(feeds.for_crawlers(many(100_001), replace(PLACE, collections=())))
    index = [item.text for item in ET.fromstring(made["sitemap.xml"]).iter(f"{MAPS}loc")]
    assert index == [f"https://skills.acme.example/sitemap-{number}.xml" for number in (1, 2, 3)]
    counts = [made[f"sitemap-{number}.xml"].count(b"<url>") for number in (1, 2, 3)]
    assert counts == [50_000, 50_000, 4]
    assert len(made["llms.txt"]) < 150_000


def test_whole_llms_txt() -> None:
    made = dict(
        html.emit_registry([summary("aa", description="Does\naa.")], replace(PLACE, collections=())).entries
    )
    assert made["llms.txt"].decode() == (
        "# Acme skills\n\n> What Acme's agents know.\n\n## Assets\n\n"
        "- [aa](https://skills.acme.example/skills/aa/index.md): Does aa.\n"
    )


def test_structured_data_says_what_the_page_says_and_cannot_end_its_element() -> None:
    subject = document("aa", description="</script><script>x</script>", licence="MIT", author="Ann")
    body = made(subject, [text_file("x")])["skills/aa/index.html"]
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', body)
    data = json.loads(block)
    assert (data["@type"], data["name"], data["version"]) == ("SoftwareSourceCode", "AA", "1")
    assert data["description"] == "</script><script>x</script>"


def test_page_shows_the_findings_of_check() -> None:
    counts = [{}, {"warning": 2, "info": 0}]
    found = [made(document("aa", row(1, findings=each)), [])["skills/aa/index.html"] for each in counts]
    assert ["no findings" in found[0], "2 × warning" in found[1]] == [True, True]


EVERY = ("claude", "npm", "well_known", "sx", "discovery_v01", "clawhub", "git")


@pytest.mark.parametrize(
    ("base", "emitters", "clients"),
    [
        (
            "https://h.example",
            EVERY,
            ["Claude Code", "skills", "Codex", "Copilot", "OpenCode", "clawhub", "npm", "sx: docs", "curl"],
        ),
        (
            "http://h.example",
            EVERY,
            ["Claude Code", "skills", "Codex", "OpenCode", "clawhub", "npm", "sx: docs", "curl"],
        ),
        ("https://h.example", ("claude",), ["Claude Code", "curl"]),
        ("http://h.example", ("claude",), ["curl"]),
        ("https://h.example", (), ["curl"]),
    ],
)
def test_only_formats_that_are_made_are_offered(
    base: str, emitters: tuple[str, ...], clients: Sequence[str]
) -> None:
    subject = document("aa", row(1, derived={"npm": derived_npm("n"), "sx": derived_npm("s")}))
    site = replace(PLACE, base_url=base, emitters=emitters)
    assert [command.title for command in of_skill(subject, subject.versions[0], site)] == clients


def test_over_plain_http_claude_is_given_the_packages() -> None:
    site = replace(PLACE, base_url="http://h.example")
    assert next(of_registry(site)).text == (
        "export NPM_CONFIG_REGISTRY=http://h.example/npm/\n"
        "claude plugin marketplace add http://h.example/marketplace-npm.json"
    )
