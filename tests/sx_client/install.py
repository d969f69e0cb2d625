"""`sx install` and `sx uninstall`: a lock onto the disk. contracts/sx.md 0, 1.6, 3 and 6."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from contracts.sx_bundle import check_bundle

from sx_client import rest, scope
from sx_client.cache import Cache
from sx_client.errors import BadAnswer, NotFound
from sx_client.lock import Lock, Row
from sx_client.wire import Wire

CLIENT = "claude-code"
AT_ONCE = 10
_FOLDERS = {
    "skill": "skills",
    "agent": "agents",
    "command": "commands",
    "rule": "rules",
    "hook": "hooks",
    "mcp": "mcp",
    "claude-code-plugin": "plugins",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an installation did; `message` is what sx prints when there is nothing to do."""

    installed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    out_of_scope: list[str] = field(default_factory=list)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """`home` has the global `.claude`; what is installed is tracked by the lock's name and version."""

    home: Path

    def tracked(self) -> dict[str, dict[str, str]]:
        """Name → version, type and folder of what was installed."""
        path = self.home / "tracked.json"
        return dict(json.loads(path.read_text())) if path.is_file() else {}

    def track(self, rows: Mapping[str, Mapping[str, str]]) -> None:
        """Replace what is tracked."""
        (self.home / "tracked.json").write_text(json.dumps(rows, indent=1, sort_keys=True))

    def folder(self, row: Row) -> Path:
        """Where the files of a row go; by the name in its metadata, which has to be the row's."""
        return self.home / ".claude" / _FOLDERS[row.type] / row.name

    def remove(self, kept: Mapping[str, str]) -> None:
        """Remove the files of a tracked asset."""
        shutil.rmtree(self.home / kept["folder"], ignore_errors=True)


def install(
    wire: Wire, cache: Cache, disk: Disk, *, remote: str = "", repair: bool = False, dry_run: bool = False
) -> Outcome:
    """Make the disk what the lock says. A 404 removes nothing; any failure before the end removes nothing."""
    lock = rest.fetch_lock(wire, cache)
    if lock is None:
        return Outcome(message="No assets installed yet")
    rows, outside = _wanted(lock, remote)
    tracked = disk.tracked()
    fresh = [row for row in rows if repair or _changed(row, tracked, disk)]
    gone = [name for name in tracked if name not in {row.name for row in rows}]
    result = Outcome(
        [row.name for row in fresh],
        sorted(gone),
        [row.name for row in rows if row not in fresh],
        [row.name for row in outside],
    )
    if dry_run:
        return result
    _bring(wire, cache, disk, fresh, tracked)
    for name in gone:
        disk.remove(tracked.pop(name))
    disk.track(tracked)
    return result


def uninstall(wire: Wire, disk: Disk, names: Sequence[str] | None) -> list[str]:
    """Remove files that are tracked, all with None. The lock is read first, its content does not matter."""
    rest.fetch_lock(wire, None)
    tracked = disk.tracked()
    if names is not None and (unknown := [name for name in names if name not in tracked]):
        raise NotFound(f"not installed: {', '.join(unknown)}")
    gone = list(tracked if names is None else names)
    for name in gone:
        disk.remove(tracked.pop(name))
    disk.track(tracked)
    return gone


def extract(data: bytes, folder: Path) -> None:
    """All files, with the modes of their entries. Raises BadAnswer for a path that leads out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for item in archive.infolist():
            target = folder / item.filename
            if not target.resolve().is_relative_to(folder.resolve()):
                raise BadAnswer(f"{item.filename!r} leads out of the folder")
            if item.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(item))
            target.chmod((item.external_attr >> 16) & 0o777 or 0o644)


def _wanted(lock: Lock, remote: str) -> tuple[list[Row], list[Row]]:
    """Rows for this client and this place, dependencies first, and those for other places."""
    here = [row for row in lock.rows if (not row.clients or CLIENT in row.clients) and row.type in _FOLDERS]
    by_name = {row.name: row for row in lock.rows}
    chosen: dict[str, Row] = {}
    for row in here:
        if not row.scopes or any(scope.matches(item.repo, remote) for item in row.scopes):
            chosen |= {item.name: item for item in _with_needs(row, by_name)}
    return list(chosen.values()), [row for row in here if row.name not in chosen]


def _with_needs(row: Row, by_name: Mapping[str, Row]) -> Iterator[Row]:
    """What `row` depends on, even out of scope, and then itself."""
    for need in row.dependencies:
        yield from _with_needs(by_name[need.name], by_name)
    yield row


def _changed(row: Row, tracked: Mapping[str, Mapping[str, str]], disk: Disk) -> bool:
    kept = tracked.get(row.name)
    return kept is None or kept["version"] != row.version or not (disk.home / kept["folder"]).is_dir()


def _bring(
    wire: Wire, cache: Cache, disk: Disk, rows: Sequence[Row], tracked: dict[str, dict[str, str]]
) -> None:
    """Download what is not cached, ten at once, check all of it, then write."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        bundles = list(pool.map(lambda row: _bundle(wire, cache, row), rows))
    problems = [
        f"{row.name} {row.version}: {problem}"
        for row, data in zip(rows, bundles, strict=True)
        for problem in check_bundle(data, row.name, row.version, row.type)
    ]
    if problems:
        raise BadAnswer("; ".join(problems))
    for row, data in zip(rows, bundles, strict=True):
        cache.keep_bundle(row.name, row.version, data)
        folder = disk.folder(row)
        shutil.rmtree(folder, ignore_errors=True)
        extract(data, folder)
        place = str(folder.relative_to(disk.home))
        tracked[row.name] = {"version": row.version, "type": row.type, "folder": place}


def _bundle(wire: Wire, cache: Cache, row: Row) -> bytes:
    """From the cache without another look, or from where the lock says."""
    kept = cache.bundle(row.name, row.version)
    return rest.download(wire, row) if kept is None else kept
