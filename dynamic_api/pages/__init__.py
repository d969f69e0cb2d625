"""Pages, scripts and styles that the API itself serves: data, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


@cache
def text(name: str) -> str:
    """The file `name` beside this one."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def filled(name: str, **values: str) -> str:
    """The file `name` with its `${…}` put in."""
    return Template(text(name)).substitute(values)
