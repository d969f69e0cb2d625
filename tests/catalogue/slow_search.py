"""Search as docs/catalogue-view.md tells it, word by word and skill by skill: to compare with, never to use.

Of misspelt words only those of three letters: no word here is longer.
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
    if not found:
        meant = [stands_for(corpus, word) for word in words]
        found = merged([ranked_by(corpus, meant, STRONG, all), ranked_by(corpus, meant, tuple(WEIGHTS), all)])
    if not found and len(words) > 1:
        found = ranked_by(corpus, meant, tuple(WEIGHTS), any)
    return found[:limit]


def stands_for(corpus: dict[str, Columns], word: str) -> list[Fits]:
    """The word as a beginning, if there is one that begins with it, or else those near it."""
    if of(corpus, begins(word, 1)):
        return [begins(word, 3)]
    there = sorted({other for columns in corpus.values() for other in chain(*columns.values())})
    near = [other for other in there if len(other) >= 3 and is_slip(word, other)]
    exchanged = [other for other in near if sorted(other) == sorted(word)]
    chosen = exchanged or [other for other in near if other[0] == word[0]]
    return [is_word(other) for other in chosen[:5]] or [is_word(word)]


def is_slip(word: str, other: str) -> bool:
    """Whether one of three letters has two of the other's exchanged, one changed, or one less."""
    if len(word) != 3:
        return False
    swapped = {word[1] + word[0] + word[2], word[0] + word[2] + word[1]}
    changed = len(other) == 3 and sum(a != b for a, b in zip(word, other, strict=True)) == 1
    longer = len(other) == 4 and any(other[:at] + other[at + 1 :] == word for at in range(4))
    return other in swapped or changed or longer


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
    return ranked_by(corpus, [[fits] for fits in words], columns, how)


def ranked_by(
    corpus: dict[str, Columns],
    asked: list[list[Fits]],
    columns: Sequence[str],
    how: Callable[[list[bool]], bool],
) -> list[str]:
    """By Robertson's bm25 with k1 = 1.2 and b = 0.75, as SQLite's page on FTS5 has it."""
    lengths = {slug: sum(map(len, fields.values())) for slug, fields in corpus.items()}
    average = sum(lengths.values()) / len(lengths)
    words = [fits for alternatives in asked for fits in alternatives]
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

    hits = [
        slug
        for slug, fields in corpus.items()
        if how([any(count(fields, fits, columns) for fits in alternatives) for alternatives in asked])
    ]
    return sorted(hits, key=lambda slug: (-round(score(slug), 9), slug))


def count(fields: Columns, fits: Fits, columns: Sequence[str]) -> int:
    return sum(sum(map(fits, fields[name])) for name in columns)


def merged(groups: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(slug for group in groups for slug in group))
