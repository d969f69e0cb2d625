"""Reading `metadata.toml` and `.claude-plugin/plugin.json`, as strictly as the strictest client."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping

from registry_builder.core.folder import Folder

PLUGIN_JSON = ".claude-plugin/plugin.json"
METADATA_TOML = "metadata.toml"
MANIFEST_BYTES = 262_144


class ManifestError(ValueError):
    """A manifest that its client could not read either; the text says why."""


def plugin_json(folder: Folder) -> Mapping[str, object] | None:
    """The plugin manifest of `folder`, None if there is none. Raises ManifestError."""
    file = folder.get(PLUGIN_JSON)
    return None if file is None else _object(file.data)


def metadata_toml(folder: Folder) -> Mapping[str, object] | None:
    """The sx metadata of `folder`, None if there is none. Raises ManifestError."""
    file = folder.get(METADATA_TOML)
    if file is None:
        return None
    try:
        return tomllib.loads(_text(file.data))
    except (ValueError, RecursionError) as error:
        raise ManifestError(str(error)) from error


def _text(data: bytes) -> str:
    if len(data) > MANIFEST_BYTES:
        raise ManifestError(f"it has {len(data)} bytes, more than {MANIFEST_BYTES}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"byte {error.start} is not UTF-8") from error


def _object(data: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(_text(data), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise ManifestError("it is nested too deeply") from error
    except ValueError as error:
        raise ManifestError(str(error)) from error
    if not isinstance(value, dict):
        raise ManifestError("it is not an object")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ManifestError(f"the key {next(key for key in keys if keys.count(key) > 1)} is given twice")
    return value


def _no_constant(constant: str) -> object:
    raise ManifestError(f"{constant} is not JSON")


def error_line(error: ManifestError) -> int:
    """The line that the parser names, 1 if it names none."""
    named = re.search(r"line (\d+)", str(error))
    return int(named[1]) if named else 1


def line_of_key(folder: Folder, path: str, key: str) -> int:
    """The first line of the file that begins with `key`, or with a section called so; 1 if there is none."""
    file = folder.get(path)
    text = file.data.decode("utf-8", "replace") if file else ""
    match = re.search(rf'^[ \t{{,\[]*"?{re.escape(key)}"?[ \t]*[\]:=]', text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1
