"""Search among few skills, in memory: by the rules and in the order of search.py, for those of one caller."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dynamic_api.catalogue.file import STRONG, WEIGHTS
from dynamic_api.catalogue.near import by_length, near_words
from dynamic_api.catalogue.search import ANY, MEANT, TYPED
from dynamic_api.catalogue.words import words_of

_K1, _B = 1.2, 0.75
_STRONG = tuple(WEIGHTS[name] if name in STRONG else 0.0 for name in WEIGHTS)
_WHOLE = tuple(WEIGHTS.values())


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one skill, column by column as in WEIGHTS, and all of them between spaces."""

    columns: tuple[tuple[str, ...], ...]
    line: str
    length: int


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A word as it is, or as the beginning of one."""

    word: str
    opens: bool = False

    @property
    def sought(self) -> str:
        """What stands in the line of each text that has it."""
        return f" {self.word}" if self.opens else f" {self.word} "

    def count(self, words: Iterable[str]) -> int:
        if self.opens:
            return sum(word.startswith(self.word) for word in words)
        return sum(word == self.word for word in words)


_Asked = Sequence[Sequence[_Phrase]]
"""What is asked for: for each word, the phrases that may stand for it."""


def text_of(slug: str, title: str, tags: Iterable[str], description: str) -> Text:
    """The words of a skill."""
    columns = tuple(tuple(words_of(text)) for text in (slug, title, " ".join(tags), description))
    words = [word for column in columns for word in column]
    return Text(columns, f" {' '.join(words)} ", len(words))


def among(texts: Sequence[Text], words: Sequence[str]) -> tuple[int, list[int]]:
    """How well the best fit (TYPED, MEANT or ANY), and the places of those that fit so, best first.

    Equals stay in the order in which they are given. No word is too common to count.
    """
    if not words:
        return TYPED, []
    typed = _merged(_ranked(texts, asked, weights, all) for asked, weights in _as_typed(words))
    if typed:
        return TYPED, typed
    there = by_length({word for text in texts for column in text.columns for word in column})
    meant = [_meant(texts, there, word) for word in words]
    found = _merged(_ranked(texts, meant, weights, all) for weights in (_STRONG, _WHOLE))
    if found or len(words) == 1:
        return MEANT, found
    return ANY, _ranked(texts, meant, _WHOLE, any)


def _as_typed(words: Sequence[str]) -> Iterable[tuple[_Asked, Sequence[float]]]:
    exact = [(_Phrase(word),) for word in words]
    yield exact, _STRONG
    yield exact, _WHOLE
    yield [(_opening(word, 2),) for word in words], _STRONG
    yield [(_opening(word, 3),) for word in words], _WHOLE


def _opening(word: str, least: int) -> _Phrase:
    return _Phrase(word, opens=len(word) >= least or not word.isascii())


def _meant(texts: Sequence[Text], there: Mapping[int, Sequence[str]], word: str) -> Sequence[_Phrase]:
    if any(f" {word}" in text.line for text in texts):
        return (_opening(word, 3),)
    return [_Phrase(other) for other in near_words(there, word)] or (_Phrase(word),)


def _ranked(
    texts: Sequence[Text], asked: _Asked, weights: Sequence[float], how: Callable[[Iterable[object]], bool]
) -> list[int]:
    """Those that fit, by the bm25 of SQLite's FTS5 (its page: "The bm25() function")."""
    phrases = list(dict.fromkeys(phrase for word in asked for phrase in word))
    counts = {phrase: _counts(texts, phrase, weights) for phrase in phrases}
    hits = [
        at for at in range(len(texts)) if how(any(at in counts[phrase] for phrase in word) for word in asked)
    ]
    if not hits:
        return []
    average = sum(text.length for text in texts) / len(texts)
    worth = {phrase: _worth(len(texts), len(found)) for phrase, found in counts.items()}

    def score(at: int) -> float:
        damped = _K1 * (1 - _B + _B * texts[at].length / average)
        found = ((worth[phrase], counts[phrase].get(at, 0.0)) for word in asked for phrase in word)
        return sum(value * count * (_K1 + 1) / (count + damped) for value, count in found)

    return sorted(hits, key=lambda at: (-round(score(at), 9), at))


def _counts(texts: Sequence[Text], phrase: _Phrase, weights: Sequence[float]) -> dict[int, float]:
    """Place → how often the text has the phrase, by the weight of the columns; only of those that have it."""
    found = {}
    for at, text in enumerate(texts):
        if phrase.sought in text.line:
            columns = zip(weights, text.columns, strict=True)
            if count := sum(weight * phrase.count(words) for weight, words in columns if weight):
                found[at] = count
    return found


def _worth(count: int, having: int) -> float:
    value = math.log((count - having + 0.5) / (having + 0.5))
    return value if value > 0 else 1e-6


def _merged(groups: Iterable[Sequence[int]]) -> list[int]:
    return list(dict.fromkeys(at for group in groups for at in group))
