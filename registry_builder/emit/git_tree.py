"""What the repository of the emitter `git` holds at its tip: catalogues, plugins, sx.toml.

Source: Codex CLI 0.169 reads .agents/plugins/marketplace.json, and a plugin's manifest must have the name of
its entry; Claude Code and Copilot read .claude-plugin/marketplace.json; sx manifest/manifest.go (sx.toml).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from registry_builder.core.folder import File
from registry_builder.core.git_object import is_obeyed
from registry_builder.core.key import download_key
from registry_builder.core.ledger import encode
from registry_builder.core.shown import shown
from registry_builder.emit import sx_metadata
from registry_builder.emit.base import Site, Summary, cut, listed, semver
from registry_builder.emit.catalogue import TYPES, about, frame
from registry_builder.emit.sx_lock import quoted

MANIFEST = ".claude-plugin/plugin.json"
LAYOUT = 1
"""The number of what `plugin_files` does; a change of it makes every plugin anew."""

_OPEN_TYPES = ("plugin", "skill")
_COMPONENTS = {"agent": {"agents": ["./AGENT.md"]}, "command": {"commands": ["./COMMAND.md"]}}
# Each commit brings the whole catalogue anew; the full text is in the plugin's manifest.
_LONGEST = 240
# Bytes as they were published, whatever `core.autocrlf` says where they are checked out.
_ATTRIBUTES = File(".gitattributes", b"* -text\n")


class _Named(Struct, frozen=True):
    """The part of a plugin's manifest that clients compare."""

    name: str


def plugins_of(summaries: Sequence[Summary]) -> list[Summary]:
    """Those that get a folder below plugins/, by name; a bundle only beside all its dependencies."""
    found = listed(summaries, *TYPES)
    members = {item.name for item in found if item.type != "bundle"}
    return [item for item in found if item.type != "bundle" or members.issuperset(item.dependencies)]


def manifest_of(summary: Summary) -> bytes:
    """The plugin.json of a name that has none of its own, empty for one that has."""
    if summary.manifest:
        return b""
    head = {"name": summary.name, "version": semver(summary.version), "description": _text(summary)}
    return _pretty({**head, **about(summary), **_COMPONENTS.get(summary.type, {})})


def plugin_files(summary: Summary, files: Sequence[File]) -> tuple[File, ...]:
    """The folder of one plugin: `files`, below skills/<name>/ for a skill that is no plugin itself."""
    if summary.manifest:
        return tuple(files)
    below = f"skills/{summary.name}/" if summary.type == "skill" else ""
    moved = (File(below + file.path, file.data, file.executable) for file in files)
    return (File(MANIFEST, manifest_of(summary)), *moved)


def problem_of(summary: Summary, files: Sequence[File]) -> str:
    """Why `files` cannot be in a repository that all clients clone, empty when they can."""
    obeyed = next((file.path for file in files if is_obeyed(file.path)), None)
    if obeyed is not None:
        return f"{shown(obeyed)} means something to Git, in every clone"
    own = next((file for file in files if file.path == MANIFEST), None)
    if not summary.manifest:
        clash = next((f.path for f in files if f.path.partition("/")[0].lower() == ".claude-plugin"), None)
        return f"{shown(clash)} is in the way of {MANIFEST}" if clash and summary.type != "skill" else ""
    try:
        name = msgspec.json.decode(own.data if own else b"", type=_Named).name
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return f"{MANIFEST} has no name that can be read"
    return "" if name == summary.name else f"{MANIFEST} calls it {shown(name)}, which Codex refuses"


def top_files(plugins: Sequence[Summary], summaries: Sequence[Summary], site: Site) -> tuple[File, ...]:
    """Everything but plugins/. Codex reads the catalogue without what only Claude Code knows."""
    known = [item for item in plugins if item.type in _OPEN_TYPES]
    return (
        File(".agents/plugins/marketplace.json", _catalogue(known, site)),
        File(".claude-plugin/marketplace.json", _catalogue(plugins, site)),
        _ATTRIBUTES,
        File("sx.toml", "".join(_sx_toml(summaries, site)).encode()),
    )


def _catalogue(plugins: Sequence[Summary], site: Site) -> bytes:
    entries = [
        {
            "name": item.name,
            "description": cut(_text(item), _LONGEST),
            "version": semver(item.version),
            "source": f"./plugins/{item.name}",
        }
        for item in plugins
    ]
    return _pretty({**frame(site, site.name, site.description), "plugins": entries})


def _sx_toml(summaries: Sequence[Summary], site: Site) -> Iterator[str]:
    """One row for each sx bundle. It names no dependencies, because everything in it is installed."""
    yield f"schema_version = 2\ncreated_by = {quoted(site.builder)}\n"
    for item in listed(summaries, *sx_metadata.TYPES):
        record = item.derived.get("sx")
        if record is None:
            continue
        yield f'\n[[assets]]\nname = "{item.name}"\nversion = "{item.version}"\n'
        yield f'type = "{sx_metadata.TYPES[item.type]}"\n'
        if record.clients:
            yield f"clients = [{', '.join(map(quoted, record.clients))}]\n"
        yield f"[assets.source-http]\nurl = {quoted(site.url(download_key(item.name, record.sha256)))}\n"
        yield f'hashes = {{ sha256 = "{record.sha256}" }}\nsize = {record.size}\n'
        yield '[[assets.scopes]]\nkind = "org"\n'


def _text(summary: Summary) -> str:
    return summary.description.strip() or summary.title.strip() or summary.name


def _pretty(value: object) -> bytes:
    """JSON with a line for each value, for whoever reads diffs on a Git host."""
    return msgspec.json.format(encode(value), indent=2) + b"\n"
