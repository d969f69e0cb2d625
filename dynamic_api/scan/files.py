"""What a file is to the scan: code to be read, a text for an agent, or bytes that hide others."""

from __future__ import annotations

import re
from typing import NamedTuple

_PYTHON = (".py", ".pyw")
_SHELL = (".sh", ".bash", ".zsh", ".fish", ".ksh", ".command")
_CODE = (
    ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".rb", ".pl", ".php", ".lua", ".ps1",
    ".psm1", ".bat", ".cmd", ".vbs", ".r", ".jl", ".awk", ".applescript", ".scpt",
)  # fmt: skip
_TEXT = (".md", ".markdown", ".mdx", ".txt", ".rst", ".mdc", ".html", ".htm", ".csv", ".tsv", ".xml", ".svg")
# Hooks, servers, tasks and services are started by what stands in such files.
_CONFIG = (
    ".json", ".jsonc", ".json5", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".service", ".plist",
    ".desktop",
)  # fmt: skip
_MAKE = frozenset(
    ("makefile", "gnumakefile", "justfile", "dockerfile", "containerfile", "procfile", "rakefile")
)
_PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa",
)
_PROGRAM_ENDINGS = (
    ".pyc", ".pyo", ".class", ".jar", ".dll", ".so", ".dylib", ".exe", ".node", ".wasm",
    ".msi", ".apk", ".dmg",
)  # fmt: skip
_ARCHIVES = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
# Formats that are zips, and that people mean by their own names.
_DOCUMENTS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".dotx", ".xltx", ".potx", ".svgz")
_FENCE = re.compile(
    rb"^[ \t>]{0,12}(`{3,16}|~{3,16})[ \t]{0,4}([A-Za-z0-9_+.-]{0,32})[^\n]{0,400}$", re.MULTILINE
)
_SHELL_FENCES = frozenset(
    (b"", *b"sh bash shell zsh console terminal shell-session powershell ps1 pwsh bat cmd text txt".split())
)
_CODE_FENCES = frozenset(b"js javascript ts typescript mjs ruby rb perl php python py python3".split())


def kind_of(path: str, data: bytes) -> str:
    """One of "python", "shell", "code", "config", "text", "program", "archive", "other"."""
    name = path.lower()
    first = data[:80].partition(b"\n")[0]
    if data.startswith(_PROGRAMS) or name.endswith(_PROGRAM_ENDINGS):
        return "program"
    if data.startswith(_ARCHIVES):
        return "other" if name.endswith(_DOCUMENTS) else "archive"
    if name.endswith(_PYTHON) or (first.startswith(b"#!") and b"python" in first):
        return "python"
    if (
        name.endswith((*_SHELL, ".mk"))
        or name.rpartition("/")[2] in _MAKE
        or (first.startswith(b"#!") and b"sh" in first)
    ):
        return "shell"
    if name.endswith(_CODE) or first.startswith(b"#!"):
        return "code"
    if name.endswith(_CONFIG):
        return "config"
    # An ending that makes a program or an agent read it counts, whatever bytes it begins with.
    bare = "." not in name.rpartition("/")[2].lstrip(".") and b"\0" not in data[:8192]
    return "text" if bare or name.endswith(_TEXT) else "other"


class Split(NamedTuple):
    """A Markdown text in three, each as long as the whole, with spaces for the other two."""

    prose: bytes
    shell: bytes
    code: bytes


def split_fences(data: bytes) -> Split:
    """Which lines are fenced code, and of which sort. A fence that never closes reaches to the end."""
    parts = {kind: bytearray(_blank(data)) for kind in ("prose", "shell", "code", "other")}
    at, opened, kind = 0, b"", "prose"
    for match in _FENCE.finditer(data):
        closes = opened and match[1].startswith(opened) and not match[2]
        if opened and not closes:
            continue
        parts[kind][at : match.start()] = data[at : match.start()]
        at = match.end()
        opened = b"" if closes else match[1]
        kind = "prose" if closes else _fence_kind(match[2].lower())
    parts[kind][at:] = data[at:]
    return Split(bytes(parts["prose"]), bytes(parts["shell"]), bytes(parts["code"]))


def _fence_kind(language: bytes) -> str:
    if language in _SHELL_FENCES:
        return "shell"
    return "code" if language in _CODE_FENCES else "other"


def _blank(data: bytes) -> bytes:
    """As many bytes: line ends stay, everything else is a space."""
    return data.translate(_BLANK)


_BLANK = bytes(10 if code == 10 else 32 for code in range(256))
