"""Templates as values become pages: escaping, visible, and strict about names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from jinja2 import DictLoader, Environment, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from registry_builder.emit.base import Site, cut
from registry_builder.emit.html.shown import visible

_LONGEST = 200
_UNITS = ((1_000_000, "MB"), (1_000, "kB"))


def pages(templates: Mapping[str, str]) -> Environment:
    """The environment in which `templates` are rendered."""
    return _environment(tuple(sorted(templates.items())))


def render(site: Site, template: str, root: str, values: Mapping[str, object]) -> bytes:
    """One page; `root` leads from it to the root of the registry, and has a slash at its end."""
    scripts = [root + key for name, key in sorted(site.assets.items()) if name.endswith(".js")]
    return (
        pages(site.templates)
        .get_template(template)
        .render(
            site=site,
            title=site.title or site.name,
            root=root,
            assets=site.assets,
            scripts=scripts,
            **values,
        )
        .encode()
    )


def part(site: Site, template: str, macro: str) -> Callable[..., Markup]:
    """One macro of `template`, to render what several pages repeat."""
    found: Callable[..., Markup] = getattr(pages(site.templates).get_template(template).module, macro)
    return found


def plain(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, cut at a word."""
    return cut(" ".join(visible(text).split()), longest)


@lru_cache(maxsize=4)
def _environment(templates: tuple[tuple[str, str], ...]) -> Environment:
    environment = Environment(
        loader=DictLoader(dict(templates)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["short"] = plain
    environment.filters["bytes"] = lambda size: f"{size:,} bytes"
    environment.filters["size"] = _size
    environment.filters["day"] = lambda time: time[:10]
    environment.filters["json"] = htmlsafe_json_dumps
    return environment


def _size(size: int) -> str:
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
