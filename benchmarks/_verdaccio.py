"""verdaccio, as `npm install --prefix DIR verdaccio` put it there, with one package and nothing behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from _http import free_port, serving

NAME = "one"
CONFIG = """
storage: {storage}
packages:
  "**":
    access: $all
log: {{type: file, path: {log}, level: fatal}}
"""
# The launcher starts node in our place: `serving` pins a Python program to the server's core.
START = "import os, sys; os.execvp('node', ['node', *sys.argv[1:]])"


@contextmanager
def running(prefix: Path, place: Path, size: int) -> Iterator[tuple[psutil.Process, str]]:
    """The process, and the URL of a document of about `size` bytes, which is in its storage."""
    folder, config = place / "verdaccio" / NAME, place / "verdaccio.yaml"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps(_document(size)))
    config.write_text(CONFIG.format(storage=folder.parent, log=place / "verdaccio.log"))
    program = prefix / "node_modules/verdaccio/bin/verdaccio"
    port = free_port()
    words = ["-c", START, str(program), "--config", str(config), "--listen", f"127.0.0.1:{port}"]
    with serving(words, port, {}) as server:
        yield server, f"http://127.0.0.1:{port}/{NAME}"


def _document(size: int) -> dict[str, object]:
    version = {
        "name": NAME,
        "version": "1.0.0",
        "description": "x" * max(0, size - 500),
        "dist": {"tarball": f"http://localhost/{NAME}/-/{NAME}-1.0.0.tgz", "shasum": "0" * 40},
    }
    return {
        "name": NAME,
        "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": version},
        "time": {"1.0.0": "2026-01-01T00:00:00.000Z"},
        "_distfiles": {},
        "_attachments": {},
        "_uplinks": {},
        "_rev": "1",
    }
