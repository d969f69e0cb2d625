"""The pages of one name: what it is, its files, what changed, and the same as Markdown and as feeds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from shlex import quote

from registry_builder.core.compatibility import named, verdicts
from registry_builder.core.folder import File
from registry_builder.core.key import download_key
from registry_builder.core.ledger import ACTIVE, QUARANTINED, SERVED, Document, Row
from registry_builder.emit.base import Earlier, Made, Page, Site, Source
from registry_builder.emit.html.changes import PAIRS, pairs_of
from registry_builder.emit.html.commands import of_skill
from registry_builder.emit.html.facts import Ability, abilities, tokens
from registry_builder.emit.html.feeds import feeds_of_skill
from registry_builder.emit.html.markdown import LONGEST
from registry_builder.emit.html.markdown import render as render_markdown
from registry_builder.emit.html.render import render
from registry_builder.emit.html.shown import visible, web_url
from registry_builder.emit.html.source_view import resolve, resolver, shown_files
from registry_builder.emit.html.twin import twin

_PROMPTS = ("SKILL.md", "AGENT.md", "COMMAND.md", "RULE.md", "README.md")
_ROOT = "../../"


def skill_pages(page: Page, site: Site) -> Iterator[Made]:
    """Every key of one name. Keys stay when a name is withdrawn, so that what they held is overwritten."""
    document, folder = page.document, f"skills/{page.document.name}"
    row = document.current if document.state in SERVED else None
    files = page.files if row else ()
    earlier = _once(page.earlier)
    pairs = list(pairs_of(document, files, earlier)) if row and files else []
    commands = list(of_skill(document, row, site)) if row else []
    common = {
        "document": document,
        "row": row,
        "shown": document.state != QUARANTINED,
        "banner": None if document.state == ACTIVE else document.state,
        "reason": document.newest.reason or None,
        "has_changes": len(document.versions) > 1,
    }
    own = _values(page, row, files, site) | {
        "commands": commands,
        "abilities": _abilities(page, row, earlier),
    }
    yield f"{folder}/index.html", render(site, "skill.html", _ROOT, common | own)
    yield f"{folder}/index.md", twin(page, row, commands, site)
    yield f"{folder}/files.html", render(site, "files.html", _ROOT, common | {"files": shown_files(files)})
    if len(document.versions) > 1:
        values = common | {"pairs": pairs, "most": PAIRS}
        yield f"{folder}/changes.html", render(site, "changes.html", _ROOT, values)
    yield from feeds_of_skill(document, site)


def _once(earlier: Earlier) -> Earlier:
    """`earlier`, reading each version once."""
    known: dict[int, Source | None] = {}

    def read(row: Row) -> Source | None:
        if row.version not in known:
            known[row.version] = earlier(row)
        return known[row.version]

    return read


def _values(page: Page, row: Row | None, files: tuple[File, ...], site: Site) -> dict[str, object]:
    document = page.document
    skill = page.skill if row else None
    prompt = next((file for name in _PROMPTS for file in files if file.path == name), None)
    links = resolver(files, "files.html")
    return {
        "skill": skill,
        "files": files,
        "homepage": web_url(document.homepage),
        "source": web_url(_source(site)),
        "versions": [_version(document, item, site) for item in reversed(document.versions)],
        "collections": [item.name for item in site.collections if document.name in item.members],
        "verdicts": _verdicts(page) if row else [],
        "prompt": prompt.path if prompt else "Text",
        "text": render_markdown(skill.body, partial(resolve, links))
        if skill and skill.body.strip()
        else None,
        "longest": LONGEST,
        "tokens": tokens(len(prompt.data)) if prompt else 0,
        "link": site.url(f"skills/{document.name}/index.html"),
        "about": _about(document, row, site),
        "line_anchor": links.get,
        "proof": _proof(document, row, site) if row else "",
    }


def _abilities(page: Page, row: Row | None, earlier: Earlier) -> list[Ability]:
    """What the version that is served can do, compared with the one served before it."""
    if page.skill is None or row is None:
        return []
    before = [item for item in page.document.versions if item.state in SERVED and item.version < row.version]
    old = earlier(before[-1]) if before else None
    return abilities((page.skill, page.files), (old.skill, old.files) if old else None)


def _verdicts(page: Page) -> list[dict[str, object]]:
    """What the clients that are served make of the files that are served."""
    if page.skill is None:
        return []
    clients = named(page.document.clients)
    judged = verdicts(page.skill, page.files, clients)
    return [{"title": client.title, "verdict": item} for client, item in zip(clients, judged, strict=True)]


def _source(site: Site) -> str:
    return (site.source_url or "").removesuffix("/").removesuffix(".git")


def _version(document: Document, row: Row, site: Site) -> dict[str, object]:
    """A row as the page shows it. A download is offered only of what is still served."""
    served = row.state in SERVED and document.state in SERVED
    return {
        "row": row,
        "state": None if row.state == ACTIVE else row.state,
        "reason": row.reason or None,
        "commit": web_url(f"{_source(site)}/commit/{row.commit}"),
        "download": site.url(download_key(document.name, row.sha256)) if served else None,
    }


def _proof(document: Document, row: Row, site: Site) -> str:
    """Two commands that show where a version comes from: the first prints the tree, the second compares."""
    url = quote(site.url(download_key(document.name, row.sha256)))
    return f"git rev-parse {quote(f'{row.commit}:{row.path}')}\ncurl -fsSL {url} | sha256sum"


def _about(document: Document, row: Row | None, site: Site) -> dict[str, object] | None:
    """The page in the words of schema.org; nothing for what is not served."""
    if row is None:
        return None
    fields: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "SoftwareSourceCode",
        "name": document.title,
        "identifier": document.name,
        "description": document.description,
        "url": site.url(f"skills/{document.name}/index.html"),
        "version": str(row.version),
        "dateModified": row.time,
        "keywords": list(document.tags),
        "license": document.licence,
        "author": {"@type": "Person", "name": document.author} if document.author else None,
        "codeRepository": web_url(_source(site)),
        "publisher": {"@type": "Organization", "name": site.owner.get("name") or site.title or site.name},
    }
    return {key: visible(item) if isinstance(item, str) else item for key, item in fields.items() if item}
