"""Pages for people: one per name and collection, the front page, 404.html. They work without scripts.

Source: HTML Living Standard; WCAG 2.2 AA. Everything out of a skill is hostile: it is escaped, what cannot be
seen in it is spelled out, and only http and https links are links. Times are commit times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from shlex import quote
from urllib.parse import urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from registry_builder.core.compatibility import named, verdicts
from registry_builder.core.key import download_key
from registry_builder.core.ledger import ACTIVE, QUARANTINED, SERVED, Document, Row
from registry_builder.emit.base import Budget, Emission, Made, Page, Site, Summary, cut, listed

BUDGETS: tuple[Budget, ...] = ()
TYPES = {
    "skill": "Skills",
    "agent": "Agents",
    "command": "Commands",
    "rule": "Rules",
    "hook": "Hooks",
    "mcp": "MCP servers",
    "plugin": "Plugins",
}
ROBOTS = b"User-agent: *\nAllow: /\n"

_BUNDLE = "bundle"
_CLAUDE = ("agent", "command", "plugin", "skill")
_LONGEST = 200
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One way to install: a heading, and the text to copy."""

    title: str
    text: str


def pages(templates: Mapping[str, str]) -> Environment:
    """The environment in which `templates` are rendered: escaping, visible, and strict about names."""
    return _environment(tuple(sorted(templates.items())))


def visible(text: str) -> str:
    """`text` with each character that cannot be seen, or that turns the writing direction, spelled out."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """The page of one name, whatever its state. What is quarantined is named, and not repeated."""
    document = page.document
    if document.type == _BUNDLE:
        return
    row = document.current if document.state in SERVED else None
    values = {
        "document": document,
        "skill": page.skill if row else None,
        "files": page.files if row else (),
        "row": row,
        "shown": document.state != QUARANTINED,
        "banner": None if document.state == ACTIVE else document.state,
        "reason": document.newest.reason or None,
        "homepage": web_url(document.homepage),
        "versions": [_version(document, item, site) for item in reversed(document.versions)],
        "collections": [item.name for item in site.collections if document.name in item.members],
        "commands": list(_commands(document, row, site)) if row else [],
        "verdicts": _verdicts(page) if row else [],
    }
    yield f"skills/{document.name}/index.html", _render(site, "skill.html", "../../", values)


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """The front page, a page per collection, 404.html (which can stand for any key) and robots.txt."""
    items = listed(summaries, *TYPES)
    bundles = {item.name for item in listed(summaries, _BUNDLE)}
    groups = [(label, [item for item in items if item.type == kind]) for kind, label in TYPES.items()]
    front = {"groups": [(label, group) for label, group in groups if group], "commands": _roots(site)}
    entries = [
        ("404.html", _render(site, "404.html", f"{site.base_url}/", {})),
        ("index.html", _render(site, "index.html", "", front)),
        ("robots.txt", ROBOTS),
    ]
    by_name = {item.name: item for item in items}
    for collection in site.collections:
        members = [by_name[name] for name in collection.members if name in by_name]
        commands = _collection_commands(collection.name, members, bundles, site)
        values = {"collection": collection, "members": members, "commands": list(commands)}
        entries.append(_collection_page(collection.name, values, site))
    current = {collection.name for collection in site.collections}
    gone = {*site.retired} - current
    entries += [_collection_page(name, {"collection": None, "name": name}, site) for name in gone]
    return Emission(tuple(sorted(entries)))


def web_url(text: str | None) -> str | None:
    """`text` when it is an absolute http or https URL without anything that a browser would drop."""
    if not text or not text.isprintable() or re.search(r'[\s<>"\\^`{|}]', text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in {"http", "https"} and parts.hostname else None


@lru_cache(maxsize=4)
def _environment(templates: tuple[tuple[str, str], ...]) -> Environment:
    environment = Environment(
        loader=DictLoader(dict(templates)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["short"] = lambda text: cut(" ".join(text.split()), _LONGEST)
    environment.filters["bytes"] = lambda size: f"{size:,} bytes"
    environment.filters["day"] = lambda time: time[:10]
    return environment


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _render(site: Site, template: str, root: str, values: Mapping[str, object]) -> bytes:
    text = (
        pages(site.templates)
        .get_template(template)
        .render(
            site=site,
            title=site.title or site.name,
            root=root,
            style=root + site.assets["style.css"],
            **values,
        )
    )
    return text.encode()


def _collection_page(name: str, values: Mapping[str, object], site: Site) -> Made:
    return f"collections/{name}/index.html", _render(site, "collection.html", "../../", values)


def _verdicts(page: Page) -> list[dict[str, object]]:
    """What the clients that are served make of the files that are served."""
    if page.skill is None:
        return []
    clients = named(page.document.clients)
    judged = verdicts(page.skill, page.files, clients)
    return [{"title": client.title, "verdict": item} for client, item in zip(clients, judged, strict=True)]


def _version(document: Document, row: Row, site: Site) -> dict[str, object]:
    """A row as the page shows it. A download is offered only of what is still served."""
    served = row.state in SERVED and document.state in SERVED
    source = (site.source_url or "").removesuffix("/").removesuffix(".git")
    return {
        "row": row,
        "state": None if row.state == ACTIVE else row.state,
        "reason": row.reason or None,
        "commit": web_url(f"{source}/commit/{row.commit}"),
        "download": site.url(download_key(document.name, row.sha256)) if served else None,
    }


def _commands(document: Document, row: Row, site: Site) -> Iterator[Command]:
    name = document.name
    if document.type in _CLAUDE:
        yield _claude(site.url("marketplace.json"), f"{name}@{site.name}")
    if document.type == "skill":
        yield Command("skills", f"npx skills add {quote(site.url(f's/{name}'))}")
    if "npm" in row.derived:
        registry = quote(f"--@{site.name}:registry={site.url('npm/')}")
        yield Command("npm", f"npm install @{site.name}/{name} {registry}")
    for collection in site.collections:
        if "sx" in row.derived and name in collection.members:
            yield _sx(collection.name, site)
    url = quote(site.url(download_key(name, row.sha256)))
    check = f'echo "{row.sha256}  {name}.zip" | sha256sum --check'
    yield Command("curl", f"curl -fsSL -o {name}.zip {url}\n{check}\nunzip {name}.zip -d {name}")


def _collection_commands(
    name: str, members: Sequence[Summary], bundles: set[str], site: Site
) -> Iterator[Command]:
    if name in bundles:
        yield _claude(site.url(f"marketplace/collections/{name}.json"), f"{name}@{site.name}-{name}")
    if any(item.type == "skill" for item in members):
        yield Command("skills", f"npx skills add {quote(site.url(f's/{name}'))}")
    if any("sx" in item.derived for item in members):
        yield _sx(name, site)


def _roots(site: Site) -> list[Command]:
    return [
        Command("Claude Code", f"claude plugin marketplace add {quote(site.url('marketplace.json'))}"),
        Command("skills", f"npx skills add {quote(site.base_url)}"),
    ]


def _claude(marketplace: str, plugin: str) -> Command:
    add = f"claude plugin marketplace add {quote(marketplace)}"
    return Command("Claude Code", f"{add}\nclaude plugin install {plugin}")


def _sx(collection: str, site: Site) -> Command:
    """sx reads its vault from a file. It installs all of a collection and removes what is in none."""
    profile = {"type": "sleuth", "repositoryUrl": site.url(f"sx/{collection}"), "authToken": "public"}
    settings = json.dumps({"defaultProfile": "default", "profiles": {"default": profile}}, sort_keys=True)
    folder = f"sx-{site.name}-{collection}"
    write = f"(umask 077; mkdir -p {folder}; printf '%s' {quote(settings)} > {folder}/config.json)"
    return Command(f"sx, the whole collection {collection}", f"{write}\nSX_CONFIG_DIR={folder} sx install")
