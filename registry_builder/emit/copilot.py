"""Copilot CLI: each collection as a zip that is unpacked and added as a local marketplace.

Source: Copilot CLI 1.0.102 clones every URL, but takes a folder with .claude-plugin/marketplace.json, whose
sources are relative; one entry of a kind that it does not know makes it refuse the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry_builder.core.artifact import pack
from registry_builder.core.errors import Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File
from registry_builder.core.ledger import encode
from registry_builder.emit.base import Budget, Collection, Emission, Files, Site, Summary, cut, listed, semver
from registry_builder.emit.catalogue import about, frame

BYTES = 64 * 1_048_576
FILES = 10_000
BUDGETS: tuple[Budget, ...] = ()

_DESCRIPTION = 1_024
_TYPES = ("plugin", "skill")


def emit_collection(
    collection: Collection,
    members: Sequence[Summary],
    files: Files,
    site: Site,
) -> Emission:
    """The marketplace folder of `collection`, packed; of a large one the newest members that fit."""
    fit = listed(members, *_TYPES)
    kept = _newest(fit)
    findings = [_cut(collection.name, len(kept), len(fit))] if len(kept) < len(fit) else []
    plugins: list[Summary] = []
    packed: list[File] = []
    for item in kept:
        below = [_moved(item.name, file) for file in files(item.name)]
        if problem := _problem(below):
            findings.append(_left_out(collection.name, item, problem))
        else:
            plugins.append(item)
            packed += below
    packed.append(File(".claude-plugin/marketplace.json", _catalogue(collection, plugins, site)))
    try:
        body = pack(packed)
    except Unfit as error:
        return Emission((), (*findings, _unpacked(collection.name, error)))
    return Emission(((f"copilot/{collection.name}.zip", body),), tuple(findings))


def _newest(members: Sequence[Summary]) -> list[Summary]:
    """Those that fit together, newest first, by name."""
    ordered = sorted(members, key=lambda item: item.name)
    ordered.sort(key=lambda item: item.time, reverse=True)
    kept: list[Summary] = []
    bytes_left, files_left = BYTES, FILES
    for item in ordered:
        if item.size <= bytes_left and item.files <= files_left:
            kept.append(item)
            bytes_left, files_left = bytes_left - item.size, files_left - item.files
    return sorted(kept, key=lambda item: item.name)


def _moved(name: str, file: File) -> File:
    return File(f"plugins/{name}/{file.path}", file.data, file.executable)


def _problem(files: Sequence[File]) -> str:
    """Why `files` cannot be in the zip, empty when they can: below plugins/ their paths are longer."""
    try:
        pack(files)
    except Unfit as error:
        return str(error)
    return ""


def _catalogue(collection: Collection, plugins: Sequence[Summary], site: Site) -> bytes:
    text = collection.description.strip() or collection.title
    head = frame(site, f"{site.name}-{collection.name}", text)
    return encode({**head, "plugins": [_entry(item) for item in plugins]})


def _entry(summary: Summary) -> dict[str, object]:
    text = summary.description.strip() or summary.title.strip() or summary.name
    found: dict[str, object] = {
        "name": summary.name,
        "description": cut(text, _DESCRIPTION),
        "version": semver(summary.version),
        "source": f"./plugins/{summary.name}",
        **about(summary),
    }
    if not summary.manifest:
        found |= {"strict": False, "skills": ["./"]}
    return found


def _cut(name: str, kept: int, total: int) -> Finding:
    return _finding(
        "copilot-cut",
        name,
        f"holds {kept} of {total} members: no more than {FILES:,} files and {BYTES:,} bytes are packed",
        "make smaller collections",
    )


def _left_out(name: str, summary: Summary, problem: str) -> Finding:
    return _finding("copilot-left-out", name, f"lacks {summary.name}: {problem}", "rename what is named")


def _unpacked(name: str, error: Unfit) -> Finding:
    return _finding("copilot-left-out", name, f"is not made: {error}", "change or leave out what is named")


def _finding(rule: str, name: str, message: str, mend: str) -> Finding:
    return Finding(rule, "warning", name, f"copilot/{name}.zip", 0, message, mend)
