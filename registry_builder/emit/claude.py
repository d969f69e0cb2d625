"""Claude Code: catalogues with `archive` sources, and the plugin that a collection becomes.

Source: Claude Code 2.1.329: an archive source is {"source": "archive", "url", "sha256"}; the URL is https and
absolute, because nothing but the catalogue itself is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry_builder.core.finding import Finding
from registry_builder.core.folder import File
from registry_builder.core.key import download_key
from registry_builder.core.ledger import encode
from registry_builder.emit.base import Budget, Collection, Emission, Made, Site, Summary, listed
from registry_builder.emit.catalogue import BYTES, TYPES, Catalogue, Plugin, frame, write

BUDGETS = (
    Budget(
        r"marketplace\.json|marketplace/collections/[^/]+\.json",
        BYTES,
        "Claude Code stops reading a catalogue at 5 MiB",
    ),
)
MANIFEST = ".claude-plugin/plugin.json"


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """marketplace.json, and per collection a file with its members and its bundle.

    Each collection is a marketplace of its own name: Claude refuses one name from two URLs.
    """
    plugins = tuple(_plugin(item, site) for item in listed(summaries, *TYPES))
    default = next((item.members for item in site.collections if item.name == "default"), ())
    root = Catalogue("marketplace.json", frame(site, site.name, site.description), plugins)
    emissions = [write(root, default)]
    for collection in site.collections:
        names = {collection.name, *collection.members}
        chosen = tuple(item for item in plugins if item.summary.name in names)
        about = collection.description.strip() or collection.title
        emissions.append(write(_of_collection(site, collection.name, about, chosen)))
    present = {collection.name for collection in site.collections}
    emissions += [write(_of_collection(site, name, "", ())) for name in site.retired if name not in present]
    return _joined(emissions)


def bundle_files(collection: Collection) -> tuple[File, ...]:
    """The folder of the plugin that installs the members of `collection`.

    No version: one in the manifest would win over the catalogue's and stop updates.
    """
    about = collection.description.strip() or collection.title.strip() or collection.name
    manifest = {"name": collection.name, "description": about, "dependencies": sorted(collection.members)}
    return (File(MANIFEST, encode(manifest)),)


def _plugin(summary: Summary, site: Site) -> Plugin:
    url = site.url(download_key(summary.name, summary.sha256))
    return Plugin(summary, {"source": "archive", "url": url, "sha256": summary.sha256})


def _of_collection(site: Site, name: str, about: str, plugins: tuple[Plugin, ...]) -> Catalogue:
    return Catalogue(
        f"marketplace/collections/{name}.json", frame(site, f"{site.name}-{name}", about), plugins
    )


def _joined(emissions: Sequence[Emission]) -> Emission:
    entries: list[Made] = []
    findings: list[Finding] = []
    for emission in emissions:
        entries += emission.entries
        findings += emission.findings
    return Emission(tuple(entries), tuple(findings))
