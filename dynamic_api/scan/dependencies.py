"""What a skill would have somebody install: requirements, pyproject.toml, script headers, package.json."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from dynamic_api.scan.advisories import Advisories
from dynamic_api.scan.shell import COMMANDS
from dynamic_api.scan.text import Budget, commands, hits
from registry_builder.core.shown import shown

MANIFEST_BYTES = 1024 * 1024
MOST_ROWS = 500
MOST_LOCKED = 20_000
MOST_NAMED = 5

_REQUIREMENTS = re.compile(r"(?:requirements|constraints)[\w.-]{0,40}\.(?:txt|in)")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,100})\s{0,4}(?:\[[^\]]{0,200}\])?\s{0,4}")
_EXACT = re.compile(r"={2,3}\s{0,4}([^\s,;*]{1,80})\s{0,4}(?:;.{0,500})?")
_ADDRESS = re.compile(r"(?:@\s{0,4})?(?:git\+|hg\+|svn\+|https?:|file:|ssh:)", re.IGNORECASE)
_PINNED_COMMIT = re.compile(r"git\+https://[^\s#]{1,300}@[0-9a-f]{40}\b")
_HEADER = re.compile(rb"^# /// script[ \t]*\r?$", re.MULTILINE)
_HEADER_END = re.compile(rb"^# ///[ \t]*\r?$", re.MULTILINE)
_NPM_EXACT = re.compile(r"=?v?[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,18}(?:-[\w.-]{1,80})?")
_NPM_ADDRESS = re.compile(
    r"(?:git(?:\+\w{2,5})?|https?|ssh|file|link|github|gitlab|bitbucket):|[\w.-]{1,80}/[\w.-]{1,80}(?:#|$)"
)
_INSTALL_SCRIPTS = ("preinstall", "install", "postinstall", "prepare", "preprepare")
_LOCKS = (
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "uv.lock",
    "poetry.lock",
    "pylock.toml",
    "pdm.lock",
)

Row = tuple[str, int, str]
"""A rule, the line of what broke it (0 is the whole file), and the message."""


@dataclass(frozen=True, slots=True)
class Need:
    """A package by `ecosystem` and `name`; `version` is None unless exactly one is asked for."""

    ecosystem: str
    name: str
    version: str | None
    line: int
    locked: bool = False


def is_lock(name: str) -> bool:
    """Whether a file of this name pins what the manifest beside it leaves open."""
    return name in _LOCKS


def check_manifest(
    path: str, data: bytes, advisories: Advisories, locked: bool, budget: Budget
) -> Iterator[Row]:
    """What is wrong with the file if it is a manifest; `locked` says that a lock lies beside it."""
    name = path.rpartition("/")[2]
    if len(data) > MANIFEST_BYTES:
        return
    rows: list[Row] = []
    if _REQUIREMENTS.fullmatch(name):
        needs = _requirements(enumerate(data.decode("utf-8", "replace").splitlines(), 1), rows)
    elif name == "pyproject.toml":
        needs = _pyproject(data, rows)
    elif name == "package.json":
        needs = _package_json(data, rows, budget)
    elif name in ("package-lock.json", "npm-shrinkwrap.json"):
        needs = _package_lock(data)
    elif name.endswith(".py") and b"# /// script" in data:
        needs = _header(data, rows)
    else:
        return
    needs = needs[:MOST_LOCKED]
    yield from rows
    yield from _known(needs, advisories)
    if not locked:
        yield from _open(needs)


def _known(needs: Iterable[Need], advisories: Advisories) -> Iterator[Row]:
    for need in needs:
        for advisory in advisories.find(need.ecosystem, need.name, need.version):
            rule = "dependency-malicious" if advisory.malicious else "dependency-vulnerable"
            named = f"{need.name} {need.version}" if need.version else need.name
            mended = f"; mended in {', '.join(advisory.fixed[:3])}" if advisory.fixed else ""
            yield rule, need.line, shown(f"{named}: {advisory.summary} ({advisory.id}){mended}", 300)


def _open(needs: list[Need]) -> Iterator[Row]:
    loose = [need for need in needs if need.version is None and not need.locked]
    if loose:
        names = ", ".join(shown(need.name, 40) for need in loose[:MOST_NAMED])
        more = ", …" if len(loose) > MOST_NAMED else ""
        yield (
            "dependency-unpinned",
            loose[0].line,
            f"{len(loose)} of {len(needs)} have no exact version: {names}{more}",
        )


def _requirements(lines: Iterable[tuple[int, str]], rows: list[Row]) -> list[Need]:
    needs = []
    for number, raw in lines:
        line = raw.partition(" #")[0].strip()[:1000]
        if not line or line.startswith("#"):
            continue
        if line.startswith("-"):
            rows += _option(number, line)
        elif need := _requirement(number, line, rows):
            needs.append(need)
    return needs


def _option(number: int, line: str) -> Iterator[Row]:
    if line.startswith(("--index-url", "-i ", "--extra-index-url", "--trusted-host", "-f ", "--find-links")):
        yield "dependency-index", number, f"{shown(line, 100)} takes packages from elsewhere"
    elif _ADDRESS.search(line) and not _PINNED_COMMIT.search(line):
        yield "dependency-url", number, f"{shown(line, 100)} is no release of an index"


def _requirement(number: int, line: str, rows: list[Row]) -> Need | None:
    match = _NAME.match(line)
    rest = line[match.end() :] if match else line
    if _ADDRESS.match(line) or _ADDRESS.match(rest):
        if not _PINNED_COMMIT.search(line):
            rows.append(("dependency-url", number, f"{shown(line, 100)} is no release of an index"))
        return None
    if match is None:
        return None
    exact = _EXACT.fullmatch(rest.partition(" --hash")[0].rstrip(" \\"))
    return Need("PyPI", match[1], exact[1] if exact else None, number)


def _pyproject(data: bytes, rows: list[Row]) -> list[Need]:
    table = _toml(data.decode("utf-8", "replace"))
    project = table.get("project")
    project = project if isinstance(project, dict) else {}
    groups = project.get("optional-dependencies")
    listed = [project.get("dependencies"), *(groups.values() if isinstance(groups, dict) else ())]
    texts = [text for group in listed if isinstance(group, list) for text in group if isinstance(text, str)]
    lines = data.decode("utf-8", "replace").splitlines()
    return _requirements(((_line_of(lines, text), text) for text in texts[:MOST_ROWS]), rows)


def _header(data: bytes, rows: list[Row]) -> list[Need]:
    """The dependencies that a script names in its head. Source: PEP 723."""
    begin = _HEADER.search(data)
    end = _HEADER_END.search(data, begin.end()) if begin else None
    if begin is None or end is None:
        return []
    first = data.count(b"\n", 0, begin.start()) + 1
    lines = data[begin.end() : end.start()].decode("utf-8", "replace").splitlines()
    table = _toml("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    listed = table.get("dependencies")
    texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    return _requirements(
        ((first + max(0, _line_of(lines, text) - 1), text) for text in texts[:MOST_ROWS]), rows
    )


def _toml(text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return {}


def _line_of(lines: list[str], text: str) -> int:
    return next((number for number, line in enumerate(lines, 1) if text in line), 0)


def _json(data: bytes) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _mapping(table: Mapping[str, object], key: str) -> dict[str, object]:
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def _package_json(data: bytes, rows: list[Row], budget: Budget) -> list[Need]:
    package = _json(data)
    lines = data.decode("utf-8", "replace").splitlines()
    needs = []
    for group in ("dependencies", "devDependencies", "optionalDependencies"):
        for name, spec in list(_mapping(package, group).items())[:MOST_ROWS]:
            text = spec.strip() if isinstance(spec, str) else ""
            line = _line_of(lines, f'"{name}"')
            if _NPM_ADDRESS.match(text):
                rows.append(("dependency-url", line, f"{shown(name, 60)} is taken from {shown(text, 80)}"))
            else:
                exact = _NPM_EXACT.fullmatch(text)
                needs.append(Need("npm", name, text.lstrip("=v") if exact else None, line))
    for name, command in _mapping(package, "scripts").items():
        if isinstance(command, str) and name in _INSTALL_SCRIPTS:
            line = _line_of(lines, f'"{name}"')
            rows.append(("dependency-script", line, f"{name} runs {shown(command, 80)}"))
            found = hits(commands(command[:10_000].encode("utf-8", "replace")), COMMANDS, budget)
            rows += ((hit.pattern.rule, line, hit.pattern.message) for hit in found)
    return needs


def _package_lock(data: bytes) -> list[Need]:
    needs = []
    for path, row in _mapping(_json(data), "packages").items():
        name = path.rpartition("node_modules/")[2]
        version = row.get("version") if isinstance(row, dict) else None
        if name and isinstance(version, str):
            needs.append(Need("npm", name, version, 0, locked=True))
    return needs
