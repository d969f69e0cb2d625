"""The files of `site/`: page templates and static files, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Templates:
    """`pages`: name → source. `static`: key → bytes. `assets`: file name → its key."""

    pages: Mapping[str, str]
    static: Mapping[str, bytes]
    assets: Mapping[str, str]
    sha256: str


@cache
def load_templates() -> Templates:
    """What the wheel ships under `_site`, or a checkout under `site/`."""
    shipped = _PACKAGE / "_site"
    root = shipped if shipped.is_dir() else _PACKAGE.parent / "site"
    folder = root / "templates"
    pages = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in _files(folder)}
    static, assets = {}, {}
    for path in _files(root / "static"):
        body = path.read_bytes()
        key = f"static/{hashlib.sha256(body).hexdigest()}{path.suffix}"
        static[key] = body
        assets[path.name] = key
    whole = hashlib.sha256(repr((sorted(pages.items()), sorted(static))).encode()).hexdigest()
    return Templates(pages, static, assets, whole)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
