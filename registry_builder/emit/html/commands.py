"""How to install from this registry with each client: what to type, for the emitters that are on.

Source: the clients' own help, as docs/clients.md has it.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Names
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from registry_builder.core.key import download_key
from registry_builder.core.ledger import Document, Row
from registry_builder.emit.base import Site, Summary

_CLAUDE = ("agent", "command", "plugin", "skill")
_CODEX = ("plugin", "skill")


@dataclass(frozen=True, slots=True)
class Command:
    """One way to install: a heading, and the text to copy."""

    title: str
    text: str


def of_skill(document: Document, row: Row, site: Site) -> Iterator[Command]:
    """Every way to get `row`, the version that is served."""
    name, kind, on = document.name, document.type, site.emitters
    npm = "npm" in on and "npm" in row.derived
    if kind in _CLAUDE:
        yield from _market(site, npm=npm, then=f"\nclaude plugin install {name}@{site.name}")
    if kind == "skill" and "well_known" in on:
        yield Command("skills", f"npx skills add {quote(site.url(f's/{name}'))}")
    if kind in _CODEX and "git" in on:
        add = f"codex plugin marketplace add {quote(site.url(f'git/{site.name}.git'))}"
        yield Command("Codex", f"{add}\ncodex plugin add {name}@{site.name}")
    if kind == "skill":
        yield from _files(name, site)
    if npm:
        registry = quote(f"--@{site.name}:registry={site.url('npm/')}")
        yield Command("npm", f"npm install @{site.name}/{name} {registry}")
    for collection in site.collections:
        if "sx" in on and "sx" in row.derived and name in collection.members:
            yield _sx(collection.name, site)
    yield _curl(name, row, site)


def of_collection(
    name: str, members: Sequence[Summary], bundles: Names[str], site: Site
) -> Iterator[Command]:
    """Every way to get all of a collection."""
    on = site.emitters
    if name in bundles and "claude" in on and _secure(site):
        market = quote(site.url(f"marketplace/collections/{name}.json"))
        plugin = f"{name}@{site.name}-{name}"
        yield Command(
            "Claude Code", f"claude plugin marketplace add {market}\nclaude plugin install {plugin}"
        )
    if "well_known" in on and any(item.type == "skill" for item in members):
        yield Command("skills", f"npx skills add {quote(site.url(f's/{name}'))}")
    if "sx" in on and any("sx" in item.derived for item in members):
        yield _sx(name, site)


def of_registry(site: Site) -> Iterator[Command]:
    """Every way to let a client know the whole registry."""
    yield from _market(site, npm="npm" in site.emitters)
    if "well_known" in site.emitters:
        yield Command("skills", f"npx skills add {quote(site.base_url)}")
    if "git" in site.emitters:
        add = f"codex plugin marketplace add {quote(site.url(f'git/{site.name}.git'))}"
        yield Command("Codex", add)
    if "discovery_v01" in site.emitters:
        yield _opencode(site)


def _secure(site: Site) -> bool:
    """Claude Code takes archives over https only."""
    return site.base_url.startswith("https:")


def _market(site: Site, *, npm: bool, then: str = "") -> Iterator[Command]:
    """Claude Code gets to know the catalogue of archives, or over plain http the one of npm packages."""
    if "claude" in site.emitters and _secure(site):
        add = f"claude plugin marketplace add {quote(site.url('marketplace.json'))}"
        yield Command("Claude Code", add + then)
    elif npm:
        export = f"export NPM_CONFIG_REGISTRY={quote(site.url('npm/'))}"
        add = f"claude plugin marketplace add {quote(site.url('marketplace-npm.json'))}"
        yield Command("Claude Code", f"{export}\n{add}{then}")


def _files(name: str, site: Site) -> Iterator[Command]:
    if "discovery_v01" in site.emitters:
        if _secure(site):
            prompt = quote(site.url(f".well-known/skills/{name}/SKILL.md"))
            yield Command("Copilot", f"copilot skill add {prompt}")
        yield _opencode(site)
    if "clawhub" in site.emitters:
        yield Command("clawhub", f"clawhub --registry {quote(site.url(f'clawhub/{name}'))} install {name}")


def _opencode(site: Site) -> Command:
    settings = {"skills": {"urls": [site.url(".well-known/skills/")]}}
    return Command("OpenCode", json.dumps(settings))


def _sx(collection: str, site: Site) -> Command:
    """sx reads its vault from a file. It installs all of a collection and removes what is in none."""
    profile = {"type": "sleuth", "repositoryUrl": site.url(f"sx/{collection}"), "authToken": "public"}
    settings = json.dumps({"defaultProfile": "default", "profiles": {"default": profile}}, sort_keys=True)
    folder = f"sx-{site.name}-{collection}"
    write = f"(umask 077; mkdir -p {folder}; printf '%s' {quote(settings)} > {folder}/config.json)"
    return Command(f"sx: {collection}", f"{write}\nSX_CONFIG_DIR={folder} sx install")


def _curl(name: str, row: Row, site: Site) -> Command:
    url = quote(site.url(download_key(name, row.sha256)))
    check = f'echo "{row.sha256}  {name}.zip" | sha256sum --check'
    return Command("curl", f"curl -fsSL -o {name}.zip {url}\n{check}\nunzip {name}.zip -d {name}")
