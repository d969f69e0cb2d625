"""Search as docs/catalogue-view.md tells it, word by word and skill by skill: to compare with, never to use.

Without misspelt words: no word here is long enough to have a slip of the pen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain

from catalogue.made import Given

from dynamic_api.catalogue.words import words_of

WEIGHTS = {"slug": 10.0, "title": 8.0, "tags": 5.0, "description": 1.0}
STRONG = ("slug", "title", "tags")
Columns = dict[str, list[str]]
Fits = Callable[[str], bool]


def search(skills: Sequence[Given], query: str, limit: int) -> list[str]:
    """The slugs that come first."""
    corpus = {given.slug: columns_of(given) for given in skills}
    words, many = telling(corpus, list(dict.fromkeys(words_of(query)))[:8])
    if not words:
        return []
    exact = [is_word(word) for word in words]
    if many:
        groups = [ranked(corpus, exact, STRONG, all), sorted(of(corpus, exact[0]))]
        return merged(groups)[:limit]
    groups = [
        ranked(corpus, exact, STRONG, all),
        ranked(corpus, exact, tuple(WEIGHTS), all),
        ranked(corpus, [begins(word, 2) for word in words], STRONG, all),
        ranked(corpus, [begins(word, 3) for word in words], tuple(WEIGHTS), all),
    ]
    found = merged(groups)
    if not found and len(words) > 1:
        meant = [begins(word, 3) if of(corpus, begins(word, 1)) else is_word(word) for word in words]
        found = ranked(corpus, meant, tuple(WEIGHTS), any)
    return found[:limit]


def columns_of(given: Given) -> Columns:
    texts = {
        "slug": given.slug,
        "title": given.title,
        "tags": " ".join(given.tags),
        "description": given.description,
    }
    return {name: words_of(text) for name, text in texts.items()}


def telling(corpus: dict[str, Columns], words: list[str]) -> tuple[list[str], bool]:
    counts = {word: len(of(corpus, is_word(word))) for word in words}
    rare = [word for word in words if counts[word] * 2 <= len(corpus)]
    if rare or not words:
        return rare, False
    return [min(words, key=lambda word: (counts[word], word))], True


def is_word(word: str) -> Fits:
    return lambda other: other == word


def begins(word: str, least: int) -> Fits:
    return (lambda other: other.startswith(word)) if len(word) >= least else is_word(word)


def of(corpus: dict[str, Columns], fits: Fits) -> list[str]:
    return [slug for slug, columns in corpus.items() if any(map(fits, chain(*columns.values())))]


def ranked(
    corpus: dict[str, Columns], words: list[Fits], columns: Sequence[str], how: Callable[[list[bool]], bool]
) -> list[str]:
    """By Robertson's bm25 with k1 = 1.2 and b = 0.75, as SQLite's page on FTS5 has it."""
    lengths = {slug: sum(map(len, fields.values())) for slug, fields in corpus.items()}
    average = sum(lengths.values()) / len(lengths)
    counted = {
        slug: [sum(WEIGHTS[name] * sum(map(fits, fields[name])) for name in columns) for fits in words]
        for slug, fields in corpus.items()
    }
    weights = []
    for at in range(len(words)):
        having = sum(bool(counts[at]) for counts in counted.values())
        weight = math.log((len(corpus) - having + 0.5) / (having + 0.5))
        weights.append(weight if weight > 0 else 1e-6)

    def score(slug: str) -> float:
        length = 1 - 0.75 + 0.75 * lengths[slug] / average
        parts = zip(weights, counted[slug], strict=True)
        return sum(weight * count * 2.2 / (count + 1.2 * length) for weight, count in parts)

    hits = [slug for slug, counts in counted.items() if how([bool(count) for count in counts])]
    return sorted(hits, key=lambda slug: (-round(score(slug), 9), slug))


def merged(groups: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(slug for group in groups for slug in group))
