"""npm: a tarball per version, a packument per name, and Claude's catalogue with `npm` sources.

Source: npm's package metadata: a packument has name, dist-tags and versions, each with dist.tarball,
dist.integrity ("sha512-" and base64) and dist.shasum (SHA-1, hexadecimal).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from registry_builder.core.artifact import pack_tgz
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File, sorted_files
from registry_builder.core.key import digest, tarball_key
from registry_builder.core.ledger import (
    ACTIVE,
    LOST,
    REMOVED,
    SERVED,
    YANKED,
    Derived,
    Document,
    Row,
    encode,
    served,
)
from registry_builder.emit.base import (
    Budget,
    Derivation,
    Emission,
    Made,
    Page,
    Site,
    Source,
    Summary,
    listed,
    semver,
    summarise,
)
from registry_builder.emit.catalogue import BYTES, TYPES, Catalogue, Plugin, about, frame, write

BUDGETS = (Budget(r"marketplace-npm\.json", BYTES, "Claude Code stops reading a catalogue at 5 MiB"),)
PROFILE = 1

_OFFERED = (*SERVED, YANKED)
_MANIFEST = "package.json"
_LIFECYCLE = frozenset(
    f"{when}{step}"
    for when in ("pre", "", "post")
    for step in ("install", "prepare", "publish", "publishOnly", "pack", "uninstall", "dependencies")
)
_NESTING = 32


def derive(source: Source, site: Site) -> Derivation | None:
    """The tarball of a version, None when npm's tar cannot hold its files. Of `site` only the name counts."""
    if source.skill.type not in TYPES:
        return None
    manifest = File(_MANIFEST, _manifest(source, site))
    kept = [file for file in source.files if file.path.casefold() != _MANIFEST]
    try:
        body = pack_tgz(sorted_files([*kept, manifest]), prefix="package/")
    except Unfit:
        return None
    record = Derived(
        profile=PROFILE,
        sha256=digest(body),
        size=len(body),
        sha512=hashlib.sha512(body).hexdigest(),
        sha1=hashlib.sha1(body, usedforsecurity=False).hexdigest(),
    )
    return Derivation(record, ((tarball_key(source.skill.name, record.sha256), body),))


def row_keys(name: str, row: Row) -> dict[str, str]:
    """Key → sha256 of what `row` pins for ever for npm."""
    record = row.derived.get("npm")
    return {tarball_key(name, record.sha256): record.sha256} if record else {}


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """The packument. Of a name that serves nothing it has no versions and no `latest`.

    Else yanked versions stay in it with a warning: a catalogue that was read a moment ago may name one.
    """
    document = page.document
    if document.type not in TYPES and not any("npm" in row.derived for row in document.versions):
        return
    rows = [row for row in document.versions if row.state in _OFFERED and "npm" in row.derived]
    latest = served(rows)[-1:] if document.state in SERVED else ()
    rows = [row for row in rows if latest and row.withdrawn != LOST]
    name = _package(document.name, site)
    packument: dict[str, object] = {
        "_id": name,
        "name": name,
        "description": document.description,
        "dist-tags": {"latest": semver(latest[0].version)} if latest else {},
        "versions": {semver(row.version): _version(document, row, site) for row in rows},
        "time": _times(document, rows),
        **about(summarise(document)),
    }
    yield f"npm/{name}", encode(packument)


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """marketplace-npm.json: what has a tarball, for Claude Code before 2.1.224 and for Codex."""
    plugins = tuple(_plugin(item, site) for item in listed(summaries, *TYPES) if "npm" in item.derived)
    default = next((item.members for item in site.collections if item.name == "default"), ())
    head = frame(site, site.name, site.description)
    return write(Catalogue("marketplace-npm.json", head, plugins), default)


def _package(name: str, site: Site) -> str:
    return f"@{site.name}/{name}"


def _manifest(source: Source, site: Site) -> bytes:
    """package.json: the folder's own when it has a readable one, but for what would run on install.

    Values go in as they are: a check that another Python decides otherwise would change the bytes.
    """
    skill = source.skill
    given = {
        "description": skill.description,
        "license": skill.licence,
        "keywords": skill.tags,
        "author": skill.author,
        "homepage": skill.homepage,
    }
    own = _own_manifest(source.files)
    found = {**{key: value for key, value in given.items() if value}, **own}
    found |= {"name": _package(skill.name, site), "version": semver(source.version)}
    if any(file.path == "binding.gyp" for file in source.files):
        # Without this npm runs node-gyp for every package that has such a file.
        found["gypfile"] = False
    return encode(found)


def _own_manifest(files: Sequence[File]) -> dict[str, object]:
    data = next((file.data for file in files if file.path == _MANIFEST), b"{}")
    try:
        own = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=dict[str, object])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    if not _is_flat(own, _NESTING):
        return {}
    own.pop("private", None)
    scripts = own.pop("scripts", None)
    if isinstance(scripts, dict):
        own["scripts"] = {step: line for step, line in scripts.items() if step not in _LIFECYCLE}
    return own


def _is_flat(value: object, levels: int) -> bool:
    """Whether `value` nests at most so deep. How much Python bears depends on the caller's own depth."""
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_flat(item, levels - 1) for item in inner)


def _version(document: Document, row: Row, site: Site) -> dict[str, object]:
    derived = row.derived["npm"]
    found: dict[str, object] = {
        "name": _package(document.name, site),
        "version": semver(row.version),
        "dist": _dist(derived, site.url(tarball_key(document.name, derived.sha256))),
    }
    if row is document.current:
        found |= {"description": document.description, **about(summarise(document))}
    if row.state != ACTIVE:
        found["deprecated"] = _warning(document, row)
    return found


def _dist(derived: Derived, tarball: str) -> dict[str, object]:
    sha512 = base64.b64encode(bytes.fromhex(derived.sha512 or "")).decode()
    return {"tarball": tarball, "integrity": f"sha512-{sha512}", "shasum": derived.sha1}


def _warning(document: Document, row: Row) -> str:
    """What npm prints on install."""
    if row.reason:
        return row.reason
    return f"use {document.replacement} instead" if document.replacement else row.state


def _times(document: Document, rows: Sequence[Row]) -> dict[str, str]:
    newest = document.removed.time if document.removed and document.state == REMOVED else document.newest.time
    found = {semver(row.version): row.time for row in rows}
    return {"created": document.versions[0].time, "modified": newest, **found}


def _plugin(summary: Summary, site: Site) -> Plugin:
    return Plugin(
        summary,
        {
            "source": "npm",
            "package": _package(summary.name, site),
            "version": semver(summary.version),
            "registry": site.url("npm/"),
        },
    )
