"""For programs: Atom and JSON feeds, the site map, robots.txt, llms.txt. Source: RFC 4287; JSON Feed 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from registry_builder.core.ledger import QUARANTINED, SERVED, Document
from registry_builder.emit.base import Made, Site, Summary, cut
from registry_builder.emit.html.render import plain
from registry_builder.emit.html.shown import visible

ENTRIES = 50
"""The most entries of a feed, newest first."""
URLS = 50_000
"""The most addresses that one site map may have (sitemaps.org)."""
NAMED = 1_000
"""The most names in llms.txt, newest first; it is read whole, at so much a token."""

_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in a feed."""

    name: str
    version: int
    time: str
    summary: str
    author: str | None


def newest_first(items: Sequence[Summary]) -> list[Summary]:
    """`items` by the time of their newest version, then by name."""
    return sorted(sorted(items, key=lambda item: item.name), key=lambda item: item.time, reverse=True)


def feeds_of(folder: str, title: str, items: Sequence[Summary], site: Site) -> Iterator[Made]:
    """What is new among `items`, one entry for each."""
    entries = [
        Entry(item.name, item.version, item.time, item.description, item.author)
        for item in newest_first(items)[:ENTRIES]
    ]
    yield from _feeds(folder, title, entries, site)


def feeds_of_skill(document: Document, site: Site) -> Iterator[Made]:
    """The versions of one name that are served."""
    quiet = document.state == QUARANTINED
    rows = [row for row in reversed(document.versions) if row.state in SERVED and document.state in SERVED]
    entries = [
        Entry(document.name, row.version, row.time, document.description, document.author) for row in rows
    ][:ENTRIES]
    title = document.name if quiet else document.title
    yield from _feeds(f"skills/{document.name}/", title, entries, site)


def for_crawlers(items: Sequence[Summary], site: Site) -> Iterator[Made]:
    """sitemap.xml (an index of parts when there is too much for one), robots.txt and llms.txt."""
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.url('sitemap.xml')}\n".encode()
    yield "llms.txt", _llms(items, site)
    rows = [("index.html", ""), ("skills/index.html", ""), ("registry.html", "")]
    rows += [(f"collections/{item.name}/index.html", "") for item in site.collections]
    rows += [(f"skills/{item.name}/index.html", item.time) for item in items]
    parts = [rows[start : start + URLS] for start in range(0, len(rows), URLS)]
    if len(parts) == 1:
        yield "sitemap.xml", _map("urlset", "url", parts[0], site)
        return
    for number, part in enumerate(parts, 1):
        yield f"sitemap-{number}.xml", _map("urlset", "url", part, site)
    index = [(f"sitemap-{number}.xml", "") for number in range(1, len(parts) + 1)]
    yield "sitemap.xml", _map("sitemapindex", "sitemap", index, site)


def _feeds(folder: str, title: str, entries: Sequence[Entry], site: Site) -> Iterator[Made]:
    yield f"{folder}feed.atom", _atom(folder, title, entries, site)
    yield f"{folder}feed.json", _json(folder, title, entries, site)


def _link(entry: Entry, site: Site) -> str:
    """The address of an entry, which is its identity as well: one for each version."""
    return f"{site.url(f'skills/{entry.name}/index.html')}#v{entry.version}"


def _owner(site: Site) -> str:
    return site.owner.get("name") or site.title or site.name


def _atom(folder: str, title: str, entries: Sequence[Entry], site: Site) -> bytes:
    home, own = site.url(f"{folder}index.html"), site.url(f"{folder}feed.atom")
    lines = [
        Markup('<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'),
        _element("title", plain(title)),
        _element("id", own),
        _element("updated", entries[0].time if entries else _NEVER),
        Markup('<link rel="self" type="application/atom+xml" href="{}"/>').format(own),
        Markup('<link rel="alternate" type="text/html" href="{}"/>').format(home),
        Markup("<author>{}</author>").format(_element("name", plain(_owner(site)))),
    ]
    for entry in entries:
        link = _link(entry, site)
        lines += [
            Markup("<entry>"),
            _element("title", f"{entry.name} {entry.version}"),
            _element("id", link),
            _element("updated", entry.time),
            Markup('<link rel="alternate" type="text/html" href="{}"/>').format(link),
            _element("summary", plain(entry.summary, 1_000)),
        ]
        if entry.author:
            lines.append(Markup("<author>{}</author>").format(_element("name", plain(entry.author))))
        lines.append(Markup("</entry>"))
    return ("\n".join([*lines, "</feed>"]) + "\n").encode()


def _element(name: str, text: str) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(name, visible(text))


def _json(folder: str, title: str, entries: Sequence[Entry], site: Site) -> bytes:
    feed: Mapping[str, object] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": plain(title),
        "home_page_url": site.url(f"{folder}index.html"),
        "feed_url": site.url(f"{folder}feed.json"),
        "authors": [{"name": plain(_owner(site))}],
        "items": [_item(entry, site) for entry in entries],
    }
    return (json.dumps(feed, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def _item(entry: Entry, site: Site) -> dict[str, object]:
    link = _link(entry, site)
    found: dict[str, object] = {
        "id": link,
        "url": link,
        "title": f"{entry.name} {entry.version}",
        "content_text": plain(entry.summary, 1_000),
        "date_published": entry.time,
    }
    return found | ({"authors": [{"name": plain(entry.author)}]} if entry.author else {})


def _map(outer: str, inner: str, rows: Sequence[tuple[str, str]], site: Site) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
    ]
    for key, time in rows:
        changed = f"<lastmod>{time}</lastmod>" if time else ""
        lines.append(f"<{inner}><loc>{escape(site.url(key))}</loc>{changed}</{inner}>")
    return "\n".join([*lines, f"</{outer}>", ""]).encode()


def _llms(items: Sequence[Summary], site: Site) -> bytes:
    """Source: llmstxt.org: a title, a quote that sums up, then sections of links."""
    lines = [f"# {plain(site.title or site.name)}", ""]
    lines += [f"> {plain(site.description, 1_000)}", ""] if site.description else []
    named = sorted(newest_first(items)[:NAMED], key=lambda item: item.name)
    lines += ["## Assets", ""]
    lines += [
        f"- [{item.name}]({site.url(f'skills/{item.name}/index.md')}): {cut(plain(item.description), 120)}"
        for item in named
    ]
    if len(items) > len(named):
        lines.append(f"- [{len(items) - len(named):,} more]({site.url('skills/index.html')})")
    if site.collections:
        lines += ["", "## Collections", ""]
        lines += [
            f"- [{item.name}]({site.url(f'collections/{item.name}/index.html')}): {plain(item.description)}"
            for item in site.collections
        ]
    return "\n".join([*lines, ""]).encode()
