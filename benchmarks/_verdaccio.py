"""verdaccio, as `npm install --prefix DIR verdaccio` put it there, with one package and nothing behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from _http import Row, free_port, serving

CONFIG = """
storage: {storage}
packages:
  "**":
    access: $all
log: {{type: file, path: {log}, level: fatal}}
"""
# The launcher starts node in our place: `serving` pins a Python program to the server's core.
START = "import os, sys; os.execvp('node', ['node', *sys.argv[1:]])"
# What verdaccio keeps beside a document, and does not send.
OWN = {"_distfiles": {}, "_attachments": {}, "_uplinks": {}, "_rev": "1"}
AIM = 8


def packument(dist: Path) -> tuple[str, bytes]:
    """The key of a skill's packument in a built folder, and its bytes."""
    place = min((dist / "npm").glob("@*/*"))
    return place.relative_to(dist).as_posix(), place.read_bytes()


@contextmanager
def running(prefix: Path, place: Path, key: str, document: bytes) -> Iterator[tuple[psutil.Process, str]]:
    """The process, and the URL of `document`, which is in its storage."""
    name = key.removeprefix("npm/")
    folder, config = place / "verdaccio" / name, place / "verdaccio.yaml"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({**json.loads(document), **OWN}))
    config.write_text(CONFIG.format(storage=place / "verdaccio", log=place / "verdaccio.log"))
    program = prefix / "node_modules/verdaccio/bin/verdaccio"
    port = free_port()
    words = ["-c", START, str(program), "--config", str(config), "--listen", f"127.0.0.1:{port}"]
    with serving(words, port, {}) as server:
        yield server, f"http://127.0.0.1:{port}/{name}"


def told(name: str, size: int, rounds: Sequence[tuple[Row, Row, Row]]) -> str:
    """One line: ours, verdaccio's and a bare answer's, by medians."""
    ours, theirs, bare = (median(row.cpu for row in rows) for rows in zip(*rounds, strict=True))
    rate = median(one.per_second / other.per_second for one, other, _ in rounds)
    times = median(other.cpu / one.cpu for one, other, _ in rounds)
    ratio = median(floor.cpu / one.cpu for one, _, floor in rounds)
    return (
        f"{name:26} {size} bytes: {ours:.0f} µs, verdaccio {theirs:.0f} µs: {times:.1f} x as cheap,"
        f" {rate:.1f} x as many  aim {AIM}; bare {bare:.0f} µs, ratio {ratio:.3f}"
    )
