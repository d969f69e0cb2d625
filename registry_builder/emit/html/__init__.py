"""Pages for people and crawlers: per name, per collection, lists, feeds. They work without scripts.

Source: HTML Living Standard; WCAG 2.2 AA; RFC 4287 (Atom); JSON Feed 1.1; sitemaps.org 0.9. Everything out
of a skill is hostile: it is escaped, what cannot be seen in it is spelled out, and only http and https links
are links. Times are commit times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry_builder.emit.base import Budget, Emission, Made, Page, Site, Summary, listed
from registry_builder.emit.html.feeds import feeds_of, for_crawlers
from registry_builder.emit.html.lists import BUNDLE, TYPES, collection_pages, front_pages, list_pages
from registry_builder.emit.html.skill_pages import skill_pages

BUDGETS: tuple[Budget, ...] = ()


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """The pages of one name, whatever its state. What is quarantined is named, and not repeated."""
    if page.document.type != BUNDLE:
        yield from skill_pages(page, site)


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """Everything that names several names; 404.html can stand for any key."""
    items = listed(summaries, *TYPES)
    bundles = {item.name for item in listed(summaries, BUNDLE)}
    entries = [
        *front_pages(items, site),
        *list_pages(items, site),
        *collection_pages(items, bundles, site),
        *feeds_of("", site.title or site.name, items, site),
        *for_crawlers(items, site),
    ]
    return Emission(tuple(sorted(entries)))
