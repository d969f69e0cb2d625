"""The last step from sanitised HTML to a part of a page: heading anchors, tables that scroll, no pictures.

It reads what nh3 writes: lower-case tags, quoted attributes, `<` nowhere else.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from registry_builder.emit.html.shown import visible

PREFIX = "md-"
"""What each id out of a text begins with, so that it is none of the page's own."""

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*) ?/?>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_VOID = frozenset(("br", "hr", "img", "input"))
_SCROLL = '<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>'


def finish(body: str) -> Markup:
    """`body` with anchors, without pictures and form fields, and with what was raw HTML set apart."""
    writer = _Writer()
    end = 0
    for tag in _TAG.finditer(body):
        writer.text(body[end : tag.start()])
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag[3])}
        if tag[1]:
            writer.close(tag[2])
        else:
            writer.open(tag[2], attributes)
        end = tag.end()
    writer.text(body[end:])
    return Markup(visible("".join(writer.out)))  # noqa: S704 - nh3 made it safe, and the writer escapes


@dataclass(slots=True)
class _Writer:
    out: list[str] = field(default_factory=list)
    depth: int = 0
    links: list[str] = field(default_factory=list)
    heading: int | None = None
    words: list[str] = field(default_factory=list)
    above: list[int] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def text(self, text: str) -> None:
        if self.depth == 0 and text.strip():
            self.out.append(f'<pre class="raw">{text.strip()}</pre>')
        else:
            self.out.append(text)
        if self.heading is not None:
            self.words.append(text)

    def open(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "img":
            self.image(attributes)
            return
        if tag == "input":
            done = "checked" in attributes
            label, sign = ("done", "☑") if done else ("to do", "☐")
            self.out.append(f'<span class="task" role="img" aria-label="{label}">{sign}</span>')
            return
        if tag not in _VOID:
            self.depth += 1
        if tag in _HEADINGS:
            self.heading = len(self.out)
            self.words = []
            self.out.append("")
        elif tag == "a":
            self.link(attributes)
        elif tag == "table":
            self.out.append(_SCROLL)
        elif tag in {"td", "th"}:
            side = attributes.get("align")
            self.out.append(f'<{tag} class="{side}">' if side else f"<{tag}>")
        elif tag == "section":
            self.out.append('<div class="footnotes">')
        else:
            self.out.append(f"<{tag}{self.written(attributes)}>")

    def close(self, tag: str) -> None:
        self.depth -= 1
        if tag in _HEADINGS:
            self.title(int(tag[1]))
        elif tag == "a":
            self.out.append(f"</{self.links.pop()}>")
        else:
            self.out.append({"table": "</table></div>", "section": "</div>"}.get(tag, f"</{tag}>"))

    def title(self, level: int) -> None:
        """Close a heading: it is one level below the one that it stands under, the first one an h3."""
        while self.above and self.above[-1] >= level:
            self.above.pop()
        self.above.append(level)
        tag = f"h{min(2 + len(self.above), 6)}"
        text = html.unescape("".join(self.words)).strip()
        slug = self.unused(PREFIX + (_slug(text) or "section"))
        self.out[self.heading or 0] = f'<{tag} id="{escape(slug)}">'
        label = escape(f"Link to {text}")
        self.out.append(f' <a class="anchor" href="#{escape(slug)}" aria-label="{label}">#</a></{tag}>')
        self.heading = None

    def link(self, attributes: dict[str, str]) -> None:
        """A link that leads nowhere any more is shown as one that does not."""
        self.links.append("a" if "href" in attributes else "span")
        if "href" in attributes:
            self.out.append(f"<a{self.written(attributes)}>")
        else:
            self.out.append('<span class="dead" title="This link was taken out">')

    def image(self, attributes: dict[str, str]) -> None:
        """A link in place of a picture: a page loads nothing from elsewhere."""
        label = escape(attributes.get("alt") or "picture")
        source = attributes.get("src")
        if source and not self.links:
            href = escape(source)
            self.out.append(f'<a class="image" href="{href}" rel="nofollow noopener noreferrer">{label}</a>')
        else:
            self.out.append(f'<span class="image">{label}</span>')
        if self.heading is not None:
            self.words.append(str(label))

    def written(self, attributes: dict[str, str]) -> str:
        kept = dict(attributes)
        if "id" in kept and kept["id"] in self.used:
            del kept["id"]
        self.used.update(kept[name] for name in ("id",) if name in kept)
        return "".join(f' {name}="{escape(value)}"' for name, value in kept.items())

    def unused(self, slug: str) -> str:
        found = slug
        while found in self.used:
            self.counts[slug] += 1
            found = f"{slug}-{self.counts[slug]}"
        self.used.add(found)
        return found


def _slug(text: str) -> str:
    """The anchor that Git hosts give a heading: lower case, spaces as hyphens, no punctuation."""
    words = re.sub(r"[^\w\- ]", "", text.lower()).strip()
    return re.sub(r"\s", "-", words)[:120]
