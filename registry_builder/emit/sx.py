"""sx: a bundle with metadata.toml per version, list.txt per asset, and one lock per collection.

Source: sx internal/vault/sleuth.go (the vault type `sleuth` over plain files) and lockfile/validation.go.
To sx a lock means "install all of this and remove the rest", so there is none of the whole catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from registry_builder.core.artifact import pack
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File, sorted_files
from registry_builder.core.key import digest, download_key
from registry_builder.core.ledger import SERVED, Derived, Row, encode, served
from registry_builder.emit import sx_lock, sx_metadata
from registry_builder.emit.base import (
    Budget,
    Collection,
    Derivation,
    Emission,
    Made,
    Page,
    Site,
    Source,
    Summary,
    listed,
)
from registry_builder.emit.sx_lock import Locked

PROFILE = 1
BUDGETS: tuple[Budget, ...] = ()

_NAME = "sx"
_NO_PROFILES = encode({"profiles": [], "active": None})


def derive(source: Source, site: Site) -> Derivation | None:
    """The sx bundle: the artifact's files, with a generated metadata.toml in place of the folder's own.

    Nothing of `site` goes into it, for a row outlives every setting. Raises Unfit.
    """
    if source.skill.type not in sx_metadata.TYPES:
        return None
    metadata = sx_metadata.make(source)
    others = (file for file in source.files if file.path != sx_metadata.PATH)
    body = pack(sorted_files((*others, File(sx_metadata.PATH, metadata.body))))
    record = Derived(
        profile=PROFILE,
        sha256=digest(body),
        size=len(body),
        metadata=digest(metadata.body),
        clients=metadata.clients,
        dependencies=metadata.dependencies,
    )
    name = source.skill.name
    metadata_key, zip_key = _frozen_keys(name, source.version)
    objects = ((download_key(name, record.sha256), body), (zip_key, body), (metadata_key, metadata.body))
    return Derivation(record, objects)


def row_keys(name: str, row: Row) -> dict[str, str]:
    """Key → sha256 of all that `row` pins for sx; empty when it has no sx bundle."""
    record = row.derived.get(_NAME)
    if record is None:
        return {}
    if record.metadata is None:
        raise AssertionError(f"{name} version {row.version} was minted for sx without its metadata")
    metadata_key, zip_key = _frozen_keys(name, row.version)
    return {
        download_key(name, record.sha256): record.sha256,
        metadata_key: record.metadata,
        zip_key: record.sha256,
    }


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """list.txt: the versions that are served, one a line, newest last; empty when there is none."""
    document = page.document
    if document.type in sx_metadata.TYPES:
        rows = served(document.versions) if document.state in SERVED else ()
        lines = (f"{row.version}\n" for row in rows if _NAME in row.derived)
        yield f"api/skills/assets/{document.name}/list.txt", "".join(lines).encode()


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """A lock and a list of roles per collection.

    A retired one keeps both, empty: a lock that is missing would leave everything installed.
    """
    assets = {item.name: item for item in listed(summaries, *sx_metadata.TYPES)}
    entries: list[Made] = []
    findings: list[Finding] = []
    for collection in site.collections:
        members = [assets[name] for name in collection.members if name in assets]
        findings += _unbundled(members)
        bundled = [item for item in members if _NAME in item.derived]
        edges = sx_lock.acyclic({item.name: item.derived[_NAME].dependencies for item in bundled})
        findings += _left_out(collection, bundled, edges)
        entries += _lock(collection.name, [_row(item, edges[item.name], site) for item in bundled], site)
    current = {collection.name for collection in site.collections}
    for name in site.retired:
        if name not in current:
            entries += _lock(name, [], site)
    return Emission(tuple(entries), tuple(findings))


def _frozen_keys(name: str, version: int) -> tuple[str, str]:
    folder = f"api/skills/assets/{name}/{version}"
    return f"{folder}/{sx_metadata.PATH}", f"{folder}/{name}-{version}.zip"


def _lock(collection: str, rows: Sequence[Locked], site: Site) -> list[Made]:
    folder = f"sx/{collection}/api/skills"
    lock = sx_lock.encode(rows, site.builder)
    return [(f"{folder}/sx.lock", lock), (f"{folder}/sx.profiles", _NO_PROFILES)]


def _row(item: Summary, dependencies: Sequence[str], site: Site) -> Locked:
    record = item.derived[_NAME]
    return Locked(
        name=item.name,
        version=str(item.version),
        type=sx_metadata.TYPES[item.type],
        url=site.url(download_key(item.name, record.sha256)),
        sha256=record.sha256,
        size=record.size,
        clients=record.clients,
        dependencies=dependencies,
    )


def _unbundled(members: Sequence[Summary]) -> Iterator[Finding]:
    for item in members:
        if _NAME not in item.derived:
            what = f"version {item.version} was minted without an sx bundle, so it is in no lock"
            yield Finding("sx-no-bundle", "warning", item.name, item.path, 0, what, "publish a new version")


def _left_out(
    collection: Collection, bundled: Sequence[Summary], edges: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    for item in bundled:
        for name in item.derived[_NAME].dependencies:
            if name in edges[item.name]:
                continue
            why = "leads back to it" if name in edges else f"is not in the collection {collection.name}"
            yield Finding(
                "sx-dependency",
                "warning",
                item.name,
                f"{item.path}/{sx_metadata.PATH}",
                0,
                f"its dependency {name} {why}, so the lock leaves it out",
                f"add {name} to {collection.name} in collections.toml, or drop the dependency",
            )
