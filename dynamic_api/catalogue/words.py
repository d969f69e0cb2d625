"""Words: how texts and queries are cut, the same way on both sides.

SQLite gets texts that are cut already, joined by spaces, so that its tokenizer has nothing to decide and no
character of a query can mean anything to it.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 40
"""Characters of a word that count; what is longer is cut in texts and queries alike."""

_WORD = re.compile(r"[^\W_]+")
_NARROW = re.compile(r"[0-9a-z]+")
# Scripts that write no spaces: Thai, Lao, Burmese, Khmer, kana, Han.
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)")


def words_of(text: str) -> list[str]:
    """The words of `text` in order: without case and accents, letters and digits only.

    What is written without spaces is cut into pairs of characters.
    """
    if text.isascii():
        return [word[:LONGEST] for word in _NARROW.findall(text.lower())]
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKD", plain)
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    kept = unicodedata.normalize("NFC", bare)
    found: list[str] = []
    for word in _WORD.findall(kept):
        found += _parts(word)
    return found


def _parts(word: str) -> list[str]:
    if word.isascii():
        return [word[:LONGEST]]
    parts: list[str] = []
    for index, part in enumerate(_UNSPACED.split(word)):
        if index % 2:
            parts += [part[at : at + 2] for at in range(max(1, len(part) - 1))]
        elif part:
            parts.append(part[:LONGEST])
    return parts
