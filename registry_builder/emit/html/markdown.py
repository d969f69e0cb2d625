"""Hostile Markdown as HTML that fits into a page of ours.

comrak renders, raw HTML as text; nh3 keeps what is on the lists below; `finish` does the rest. Both may need
quadratic time or space, so what nests too deep or could fill too many table cells stays plain text.
Source: GitHub Flavored Markdown Spec 0.29; docs/adr/0002-markdown.md.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from registry_builder.emit.html.colour import coloured
from registry_builder.emit.html.finish import PREFIX, finish
from registry_builder.emit.html.shown import visible, web_url

LONGEST = 100_000
"""The most characters of a text that are rendered."""
DEEPEST = 60
"""The most elements that may be open at once."""
CELLS = 50_000
"""The most table cells that a text may be able to fill."""

Resolve = Callable[[str], str | None]
"""Where a relative link leads, None when nowhere."""

_LARGEST = 20 * LONGEST
_TAGS = frozenset(
    (
        "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img",
        "input", "li", "ol", "p", "pre", "section", "strong", "sup", "table", "tbody", "td", "th", "thead",
        "tr", "ul",
    )
)  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "id", "aria-label"},
    "code": {"class"},
    "img": {"src", "alt"},
    "input": {"checked"},
    "li": {"id"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
_VALUES = {
    ("a", "id"): re.compile(r"fn(ref)?-[\w%.-]{1,200}"),
    ("li", "id"): re.compile(r"fn(ref)?-[\w%.-]{1,200}"),
    ("a", "aria-label"): re.compile(r"Back to reference [\d-]+"),
    ("code", "class"): re.compile(r"language-[\w+#.-]{1,40}"),
    ("ol", "start"): re.compile(r"\d{1,9}"),
    ("td", "align"): re.compile(r"left|right|center"),
    ("th", "align"): re.compile(r"left|right|center"),
    ("input", "checked"): re.compile(r""),
}
_MAIL = re.compile(r"mailto:[\w.+-]+@[\w.-]+")
_FENCE = re.compile(r'<pre><code class="language-([^"]+)">([^<]*)</code></pre>')
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^>]*?(/?)>")
_RULE = frozenset("|:- \t>")
_VOID = frozenset(("br", "hr", "img", "input"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as HTML. `cut` when only its beginning is here, `plain` when it could not be rendered."""

    html: Markup
    cut: bool
    plain: bool


def render(text: str, resolve: Resolve) -> Rendered:
    """`text` rendered, up to LONGEST characters."""
    whole = visible(text)
    shown = _beginning(whole)
    body = _html(shown) if _cells(shown) <= CELLS else None
    if body is None:
        return Rendered(Markup('<pre class="raw">{}</pre>').format(shown), shown != whole, plain=True)
    return Rendered(finish(_FENCE.sub(_coloured, _clean(body, resolve))), shown != whole, plain=False)


def _beginning(text: str) -> str:
    """The first lines of `text`; of a line that is longer than all of that, its beginning."""
    if len(text) <= LONGEST:
        return text
    line = text.rfind("\n", 0, LONGEST)
    return text[: line + 1 if line > LONGEST // 2 else LONGEST]


def _cells(text: str) -> int:
    lines = text.split("\n")
    widest = max((line.count("|") for line in lines if "-" in line and _RULE.issuperset(line)), default=0)
    return (widest + 1) * len(lines)


def _html(text: str) -> str | None:
    """What comrak makes of `text`, None when it is larger or deeper than nh3 and browsers can take."""
    renderer, options = _comrak()
    body: str = renderer(text, **options)
    if len(body) > _LARGEST:
        return None
    depth = 0
    for tag in _TAG.finditer(body):
        if tag[2] not in _VOID and not tag[3]:
            depth += -1 if tag[1] else 1
            if depth > DEEPEST:
                return None
    return body


@cache
def _comrak() -> tuple[Callable[..., str], dict[str, Any]]:
    import comrak

    extension, rendering = comrak.ExtensionOptions(), comrak.RenderOptions()
    extension.table = extension.autolink = extension.strikethrough = True
    extension.tasklist = extension.footnotes = True
    rendering.escape = True
    return comrak.render_markdown, {"extension_options": extension, "render_options": rendering}


def _clean(body: str, resolve: Resolve) -> str:
    import nh3

    def allowed(tag: str, attribute: str, value: str) -> str | None:
        if attribute in {"href", "src"}:
            return _target(value, resolve)
        pattern = _VALUES.get((tag, attribute))
        if pattern and not pattern.fullmatch(value):
            return None
        return PREFIX + value if attribute == "id" else value

    return nh3.clean(
        body,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=allowed,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )


def _target(value: str, resolve: Resolve) -> str | None:
    """Where a link may lead: into this text, to a file of this skill, to the web, to a mailbox."""
    value = visible(value)
    if value.startswith("#"):
        return f"#{PREFIX}{value[1:]}"
    if web_url(value) or _MAIL.fullmatch(value):
        return value
    outside = not value or value[0] in "/\\?" or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value)
    return None if outside else resolve(value)


def _coloured(found: re.Match[str]) -> str:
    language, text = html.unescape(found[1]), html.unescape(found[2])
    return f'<pre><code class="language-{found[1]}">{coloured(language, text)}</code></pre>'
