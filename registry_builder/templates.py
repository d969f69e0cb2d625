"""The files of `site/`: page templates and static files, as values; and the operator's theme beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from registry_builder.core.config import SiteTable
from registry_builder.core.errors import Unfit

LOGOS = (".png", ".svg")

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
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


def themed(templates: Templates, table: SiteTable, read: Callable[[str], bytes | None]) -> Templates:
    """`templates` with colour and logo of [site]; `read` gives a file beside registry.toml. Raises Unfit.

    The colour goes into a style sheet of its own, for pages have no style of their own. It only ever colours
    rules and edges, so it needs no contrast with text.
    """
    more: dict[str, tuple[str, bytes]] = {}
    if table.accent is not None:
        if not _COLOUR.fullmatch(table.accent):
            mend = 'write six hexadecimal digits, such as "#1a6b54"'
            raise Unfit("bad-accent", f"{table.accent!r} is no colour", place="registry.toml", mend=mend)
        more["theme.css"] = (".css", f":root {{ --accent: {table.accent.lower()}; }}\n".encode())
    if table.logo is not None:
        more["logo"] = (Path(table.logo).suffix.lower(), _logo(table.logo, read))
    keys = {name: f"static/{hashlib.sha256(body).hexdigest()}{end}" for name, (end, body) in more.items()}
    static = {**templates.static, **{keys[name]: body for name, (_, body) in more.items()}}
    whole = hashlib.sha256(repr((templates.sha256, sorted(keys.items()))).encode()).hexdigest()
    return Templates(templates.pages, static, {**templates.assets, **keys}, whole) if more else templates


def _logo(name: str, read: Callable[[str], bytes | None]) -> bytes:
    if not name.lower().endswith(LOGOS) or "/" in name:
        mend = f"name a file beside registry.toml that ends in {' or '.join(LOGOS)}"
        raise Unfit("bad-logo", f"{name!r} is no logo", place="registry.toml", mend=mend)
    body = read(name)
    if body is None:
        raise Unfit("no-logo", f"there is no {name} beside it", place="registry.toml", mend="commit the file")
    return body


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
