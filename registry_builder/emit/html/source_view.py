"""The files of a skill for people to read: lines with anchors, and what is too large or no text noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from markupsafe import Markup, escape

from registry_builder.core.folder import File, path_bytes
from registry_builder.emit.html.shown import decoded, visible

FILE_BYTES = 131_072
"""The most bytes of one file that are shown."""
PAGE_BYTES = 1_048_576
"""The most bytes of all files that one page shows."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One file as the page has it; `lines` is empty when it is not shown, and `note` says why."""

    path: str
    anchor: str
    size: int
    executable: bool
    lines: Markup
    note: str


def line_anchor(path: str, line: int) -> str:
    """The id of a line; as a fragment of a URL it stands for itself."""
    return f"{quote(path_bytes(path), safe='/')}-L{line}"


def shown_files(files: Iterable[File]) -> list[Shown]:
    """Every file; the page's room is given to them in their order."""
    found, room = [], PAGE_BYTES
    for file in files:
        text, note = _text(file, room)
        lines = _lines(file.path, text) if text else Markup("")
        room -= len(text.encode(errors="replace")) if text else 0
        anchor = line_anchor(file.path, 1)
        found.append(Shown(file.path, anchor, len(file.data), file.executable, lines, note))
    return found


def resolver(files: Sequence[File], page: str) -> dict[str, str]:
    """Path → where `page` shows that file."""
    return {file.path: f"{page}#{line_anchor(file.path, 1)}" for file in files}


def resolve(links: dict[str, str], value: str) -> str | None:
    """Where a relative link in the prompt file leads: to a file that there is, else nowhere."""
    path = unquote(value.split("#", maxsplit=1)[0].split("?", maxsplit=1)[0], errors="surrogateescape")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return links.get("/".join(parts))


def _text(file: File, room: int) -> tuple[str, str]:
    if not file.data:
        return "", "empty"
    if room <= 0:
        return "", "not shown: this page is full; the download has it"
    size = min(FILE_BYTES, room)
    if len(file.data) <= size:
        text = decoded(file.data)
        return (text, "") if text is not None else ("", "no text")
    head = decoded(_whole_characters(file.data[:size]))
    if head is None:
        return "", "no text"
    return head, f"only the first {size:,} bytes; the download has all of it"


def _whole_characters(data: bytes) -> bytes:
    """`data` without a character that its end cuts through."""
    for count in range(1, min(4, len(data)) + 1):
        byte = data[-count]
        if byte & 0xC0 != 0x80:
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-count] if length > count else data
    return data


def _lines(path: str, text: str) -> Markup:
    stem = escape(line_anchor(path, 0).removesuffix("0"))
    rows = str(escape(visible(text).removesuffix("\n"))).split("\n")
    lines = (
        f'<a id="{stem}{number}" href="#{stem}{number}">{number}</a><span>{line}</span>'
        for number, line in enumerate(rows, 1)
    )
    return Markup("\n".join(lines))  # noqa: S704 - both parts are escaped above
