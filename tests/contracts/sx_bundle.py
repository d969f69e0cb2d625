"""What sx demands of a bundle and of its metadata.toml, one message per offence.

Source: sx 2.3.4, metadata/validation.go and utils/zip.go.
"""

from __future__ import annotations

import io
import re
import stat
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping

SEMVER = re.compile(
    r"v?\d+(\.\d+){0,2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?", re.ASCII
)
NAME = re.compile(r"[A-Za-z0-9_-]+")
DEPENDENCY = re.compile(r"[A-Za-z0-9_-]+[><=~!,.\d\s]*")
TYPES = {"skill", "agent", "command", "rule", "hook", "mcp", "claude-code-plugin"}
CLIENTS = {
    "claude-code", "cline", "codex", "cursor", "gemini", "github-copilot", "kiro", "openclaw", "opencode",
}  # fmt: skip
EVENTS = {
    "session-start", "session-end", "pre-tool-use", "post-tool-use", "post-tool-use-failure",
    "user-prompt-submit", "stop", "subagent-start", "subagent-stop", "pre-compact",
}  # fmt: skip
NEEDS_SECTION = {"skill", "command", "agent", "hook", "mcp"}


def check_metadata(text: str, zip_names: Iterable[str], name: str, version: str, kind: str) -> list[str]:
    """metadata.toml of the asset `name`, which lies in a zip with these entries."""
    metadata = read_toml(text)
    if isinstance(metadata, str):
        return [f"metadata: {metadata}"]
    asset = metadata.get("asset")
    if not isinstance(asset, dict):
        return ["metadata: no [asset]"]
    found = [*_asset(asset), *_own_section(metadata, asset.get("type"), set(zip_names))]
    for key, expected in (("name", name), ("version", version), ("type", kind)):
        if asset.get(key) != expected:
            found.append(f"{key} is {asset.get(key)!r}, elsewhere {expected!r}")
    return [f"metadata: {problem}" for problem in found]


def check_bundle(data: bytes, name: str, version: str, kind: str) -> list[str]:
    """A zip as it is installed: flat, with modes that can be applied, and with fitting metadata."""
    if data[:4] != b"PK\x03\x04":
        return ["zip: does not begin with PK 03 04"]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            bodies = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        return [f"zip: {error}"]
    names = [info.filename for info in infos]
    found = [f"zip: {problem}" for info in infos for problem in _entry(info)]
    if len(names) != len(bodies):
        found.append("zip: an entry occurs twice")
    if "metadata.toml" not in bodies:
        tops = {path.partition("/")[0] for path in names if "/" in path}
        wrapped = len(tops) == 1 and all("/" in path for path in names)
        return [*found, "zip: no metadata.toml at the root" + (", but a wrapping folder" if wrapped else "")]
    try:
        text = bodies["metadata.toml"].decode()
    except UnicodeDecodeError:
        return [*found, "metadata: not UTF-8"]
    return found + check_metadata(text, names, name, version, kind)


def check_clients(clients: object) -> Iterator[str]:
    """The list of client ids in a row or in metadata.toml."""
    if not isinstance(clients, list) or not all(isinstance(item, str) for item in clients):
        yield "clients is no list of texts"
    elif unknown := sorted(set(clients) - CLIENTS):
        yield f"the clients {unknown} are unknown"


def read_toml(text: str) -> dict[str, object] | str:
    """The tables in `text`, or why it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return str(error)


def _asset(asset: Mapping[str, object]) -> Iterator[str]:
    if not isinstance(asset.get("name"), str) or not NAME.fullmatch(str(asset["name"])):
        yield "the name is missing or has other characters than A-Z a-z 0-9 _ -"
    if not isinstance(asset.get("version"), str) or not SEMVER.fullmatch(str(asset["version"])):
        yield f"the version {asset.get('version')!r} is no quoted semantic version"
    if asset.get("type") not in TYPES:
        yield f"the type {asset.get('type')!r} is unknown"
    for key in ("description", "license", "homepage", "repository", "documentation", "readme"):
        if key in asset and not isinstance(asset[key], str):
            yield f"{key} is no text"
    for key in ("authors", "keywords", "dependencies"):
        if not _is_texts(asset.get(key, [])):
            yield f"{key} is no list of texts"
        elif key == "dependencies":
            for item in asset.get(key, []):  # type: ignore[attr-defined]
                if not DEPENDENCY.fullmatch(item):
                    yield f"the dependency {item!r} cannot be read"
    yield from check_clients(asset.get("clients", []))


def _own_section(metadata: Mapping[str, object], kind: object, names: set[str]) -> Iterator[str]:
    section = metadata.get(str(kind), {})
    if not isinstance(section, dict) or not isinstance(metadata.get("custom", {}), dict):
        yield f"[{kind}] or [custom] is no table"
        return
    if kind in NEEDS_SECTION and str(kind) not in metadata:
        yield f"no [{kind}]"
        return
    for key in ("prompt-file", "script-file", "manifest-file", "command", "event", "url", "transport"):
        if not isinstance(section.get(key, ""), str):
            yield f"{key} is no text"
            return
    timeout = section.get("timeout", 0)
    if not isinstance(timeout, int) or timeout < 0 or not _is_texts(section.get("args", [])):
        yield "timeout or args is of the wrong kind"
        return
    yield from _missing_files(str(kind), section, names)
    if kind == "hook":
        yield from _hook(section)
    if kind == "mcp":
        yield from _mcp(section)


def _missing_files(kind: str, section: Mapping[str, object], names: set[str]) -> Iterator[str]:
    path: object = None
    if kind in {"skill", "agent", "command"}:
        path = section.get("prompt-file", "")
    elif kind == "rule":
        path = section.get("prompt-file") or "RULE.md"
    elif kind == "hook":
        path = section.get("script-file") or None
    elif kind == "claude-code-plugin" and section.get("source") == "marketplace":
        if not section.get("marketplace"):
            yield "a plugin from a marketplace does not say from which"
    elif kind == "claude-code-plugin":
        path = section.get("manifest-file") or ".claude-plugin/plugin.json"
    if path is not None and path not in names:
        yield f"the file {path!r} is not in the zip"


def _hook(section: Mapping[str, object]) -> Iterator[str]:
    if section.get("event") not in EVENTS:
        yield f"the event {section.get('event')!r} is unknown"
    if bool(section.get("script-file")) == bool(section.get("command")):
        yield "a hook has exactly one of script-file and command"


def _mcp(section: Mapping[str, object]) -> Iterator[str]:
    transport = section.get("transport") or "stdio"
    local, remote = bool(section.get("command") and section.get("args")), bool(section.get("url"))
    if transport == "stdio":
        if not local or remote:
            yield "transport stdio needs command and args, and no url"
    elif transport not in {"sse", "http"}:
        yield f"the transport {transport!r} is unknown"
    elif not remote or section.get("command") or section.get("args"):
        yield f"transport {transport} needs url, and neither command nor args"


def _entry(info: zipfile.ZipInfo) -> Iterator[str]:
    path, mode = info.filename, info.external_attr >> 16
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        yield f"{path!r} leads out of the folder"
    if info.is_dir():
        if stat.S_IMODE(mode) != 0o755:
            yield f"{path!r} is a folder with mode {stat.S_IMODE(mode):o}"
    elif stat.S_IFMT(mode) not in {0, stat.S_IFREG} or stat.S_IMODE(mode) not in {0o644, 0o755}:
        yield f"{path!r} has mode {mode:o}"


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
