"""Pages that name several names: home, lists by type, collections, the registry itself, 404."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as Names
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from registry_builder.emit.base import Made, Site, Summary
from registry_builder.emit.html.commands import of_collection, of_registry
from registry_builder.emit.html.feeds import feeds_of, newest_first
from registry_builder.emit.html.render import part, render
from registry_builder.emit.html.shown import web_url

BUNDLE = "bundle"
TYPES = {
    "skill": "Skills",
    "agent": "Agents",
    "command": "Commands",
    "rule": "Rules",
    "hook": "Hooks",
    "mcp": "MCP servers",
    "plugin": "Plugins",
}
PER_PAGE = 200
RECENT = 8


def front_pages(items: Sequence[Summary], site: Site) -> Iterator[Made]:
    """The front page, the page about the registry, and 404.html."""
    recent = newest_first(items)[:RECENT]
    values = {
        "types": _types(items),
        "recent": recent,
        "commands": list(of_registry(site)),
        "count": len(items),
    }
    yield "index.html", render(site, "index.html", "", values)
    about = {
        "updated": recent[0].time if recent else "",
        "count": len(items),
        "source": web_url((site.source_url or "").removesuffix("/").removesuffix(".git")),
        "contact": web_url(site.owner.get("url")),
        "commands": list(of_registry(site)),
    }
    yield "registry.html", render(site, "registry.html", "", about)
    yield "404.html", render(site, "404.html", f"{site.base_url}/", {})


def list_pages(items: Sequence[Summary], site: Site) -> Iterator[Made]:
    """Every asset by name, PER_PAGE on a page: all of them, and each type by itself."""
    within: dict[str, list[str]] = {}
    for collection in site.collections:
        for name in collection.members:
            within.setdefault(name, []).append(collection.name)
    asset = part(site, "parts.html", "asset")
    rows = [(item.type, asset(item, "../", within)) for item in items]
    yield from _paged("skills/index", "All assets", [row for _, row in rows], _types(items), site)
    for kind, label, _ in _types(items):
        yield from _paged(f"types/{kind}", label, [row for of, row in rows if of == kind], [], site)


def collection_pages(items: Sequence[Summary], bundles: Names[str], site: Site) -> Iterator[Made]:
    """A page and feeds for each collection; of one that is gone, a page that says so."""
    by_name = {item.name: item for item in items}
    for collection in site.collections:
        members = [by_name[name] for name in collection.members if name in by_name]
        commands = list(of_collection(collection.name, members, bundles, site))
        values = {"collection": collection, "members": members, "commands": commands}
        yield _collection_page(collection.name, values, site)
        yield from feeds_of(
            f"collections/{collection.name}/", collection.title or collection.name, members, site
        )
    for name in {*site.retired} - {collection.name for collection in site.collections}:
        yield _collection_page(name, {"collection": None, "name": name}, site)
        yield from feeds_of(f"collections/{name}/", name, [], site)


def _collection_page(name: str, values: Mapping[str, object], site: Site) -> Made:
    return f"collections/{name}/index.html", render(site, "collection.html", "../../", values)


def _types(items: Sequence[Summary]) -> list[tuple[str, str, int]]:
    counts = Counter(item.type for item in items)
    return [(kind, label, counts[kind]) for kind, label in TYPES.items() if counts[kind]]


def _paged(
    stem: str, heading: str, rows: Sequence[Markup], types: Sequence[tuple[str, str, int]], site: Site
) -> Iterator[Made]:
    starts = range(0, max(len(rows), 1), PER_PAGE)
    keys = [
        f"{stem}.html" if number == 1 else f"{stem}-{number}.html" for number in range(1, len(starts) + 1)
    ]
    for number, start in enumerate(starts):
        values = {
            "heading": heading,
            "rows": rows[start : start + PER_PAGE],
            "count": len(rows),
            "types": types,
            "number": number + 1,
            "keys": [key.rpartition("/")[2] for key in keys],
            "whole": stem == "skills/index",
        }
        yield keys[number], render(site, "list.html", "../", values)
