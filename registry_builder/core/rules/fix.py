"""Mends that need no judgement: the same content, written so that every client reads it alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from registry_builder.core.finding import Finding
from registry_builder.core.folder import Folder
from registry_builder.core.rules.fields import name_problem
from registry_builder.core.rules.prompt import PROMPT_FILES
from registry_builder.core.yaml_block import ambiguous

_BOM = b"\xef\xbb\xbf"
_HEAD = re.compile(rb"---[ \t]*\r?\n(?:(?!---)[^\n]*\n)*---[ \t]*(?:\r?\n|\r?\Z)")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _,.;()/-]*")

Mend = Callable[[bytes, str], bytes]


def apply_fixes(folder: Folder, findings: Iterable[Finding]) -> Mapping[str, bytes]:
    """New bytes by path inside `folder`, for those of its findings whose mend is mechanical."""
    rules = {finding.rule for finding in findings}
    fixed: dict[str, bytes] = {}
    prompt = folder.get(PROMPT_FILES.get(folder.type, ""))
    if prompt is not None:
        data = prompt.data
        for rule_id, mend in _PROMPT_MENDS.items():
            if rule_id in rules:
                data = mend(data, folder.name)
        if data != prompt.data:
            fixed[prompt.path] = data
    if "shebang-crlf" in rules:
        for file in folder.files:
            if re.match(rb"#![^\n]*\r\n", file.data):
                fixed[file.path] = file.data.replace(b"\r\n", b"\n")
    return fixed


def _without_bom(data: bytes, name: str) -> bytes:
    return data.removeprefix(_BOM)


def _from_the_top(data: bytes, name: str) -> bytes:
    """Without the blank lines before the front matter; comments are somebody's words and stay."""
    start = len(_BOM) if data.startswith(_BOM) else 0
    rest = data[start:].lstrip(b" \t\r\n")
    return data[:start] + rest if rest.startswith(b"---") else data


def _in_head(mend: Mend) -> Mend:
    """`mend`, for the front matter only."""

    def mended(data: bytes, name: str) -> bytes:
        start = len(_BOM) if data.startswith(_BOM) else 0
        head = _HEAD.match(data, start)
        return data[:start] + mend(head[0], name) + data[head.end() :] if head else data

    return mended


def _line_feeds(head: bytes, name: str) -> bytes:
    return head.replace(b"\r\n", b"\n")


def _bare_fences(head: bytes, name: str) -> bytes:
    return re.sub(rb"^---[ \t]+(?=\r?$)", b"---", head, flags=re.MULTILINE)


def _name_of_folder(head: bytes, name: str) -> bytes:
    return head if name_problem(name) else _rewritten(head, b"name", lambda value: name)


def _name_added(head: bytes, name: str) -> bytes:
    if name_problem(name):
        return head
    if re.search(rb"^[\"']?name[\"']?[ \t]*:", head, re.MULTILINE):
        return _rewritten(head, b"name", lambda value: value or name)
    first, newline, rest = head.partition(b"\n")
    return first + newline + b"name: " + _scalar(name) + (b"\r\n" if first.endswith(b"\r") else b"\n") + rest


def _quoted(head: bytes, name: str) -> bytes:
    for key in (b"name", b"description"):
        head = _rewritten(head, key, lambda value: value)
    return head


def _rewritten(head: bytes, key: bytes, new: Callable[[str], str]) -> bytes:
    """`head` with the value of `key` replaced, if it is a simple scalar that stands on one line."""
    lines = head.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        if not line.startswith(key + b":"):
            continue
        found = _simple(line[len(key) + 1 :].rstrip(b"\r"))
        if found is None or lines[number + 1][:1] in (b" ", b"\t"):
            return head
        value, comment = found
        end = b"\r" if line.endswith(b"\r") else b""
        lines[number] = key + b": " + _scalar(new(value)) + comment + end
        return b"\n".join(lines)
    return head


def _simple(text: bytes) -> tuple[str, bytes] | None:
    """Value and comment of what stands after a colon; None if more than a look is needed to tell."""
    text = text.strip(b" \t")
    quote = text[:1]
    if quote in (b"'", b'"'):
        value, _, rest = text[1:].partition(quote)
        comment = rest.strip(b" \t")
        known = b"\\" not in value and not (comment and (comment[:1] != b"#" or rest[:1] not in b" \t"))
    else:
        cut = (
            0
            if quote == b"#"
            else min((at for at in (text.find(b" #"), text.find(b"\t#")) if at >= 0), default=len(text))
        )
        value, comment = text[:cut].rstrip(b" \t"), text[cut:].strip(b" \t")
        known = value[:1] not in b"|>&*!%@`[{,-?" or not value
    if not known:
        return None
    return value.decode("utf-8", "surrogateescape"), b" " + comment if comment else b""


def _scalar(text: str) -> bytes:
    """`text` as YAML: quoted if some reader would take it for something else."""
    safe = _SAFE.fullmatch(text) is not None and not ambiguous(text)
    plain = text if safe else "'" + text.replace("'", "''") + "'"
    return plain.encode("utf-8", "surrogateescape")


_PROMPT_MENDS: Mapping[str, Mend] = {
    "front-matter-late": _from_the_top,
    "bom": _without_bom,
    "fence-spaces": _in_head(_bare_fences),
    "front-matter-crlf": _in_head(_line_feeds),
    "name-missing": _in_head(_name_added),
    "name-mismatch": _in_head(_name_of_folder),
    "text-unquoted": _in_head(_quoted),
}
