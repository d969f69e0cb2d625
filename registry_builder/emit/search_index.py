"""What the site's search reads: words in shards by prefix, and what to show of a name in chunks by id.

Our own format; docs/adr says why. All below search/, JSON:

    index.json     {"documents", "chunks", "ignored": words, "shards": [prefix]}
    terms-<p>.json word → "9<id><id> 4<id>…": ids of six characters behind an impact of 1 to 9, best first;
                   " +<n>" says that the word has n names, when only the best are listed
    names-<n>.json id → [[name, type, state, title, description]], for the ids that are n modulo the chunks

An id is of the name alone, so that a new name moves no other. A prefix is of a word's `place`; a word is
in the shard with the longest prefix that fits. A whole name is a word too, and only it has the impact 9.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from registry_builder.core.ledger import SERVED, encode
from registry_builder.core.shown import shown
from registry_builder.emit.base import Budget, Emission, Made, Page, Site, Summary

BUDGETS = (Budget(r"search/.*", 262_144, "the search page loads it while a person types"),)
WORDS = 112
"""The most words of one name that are indexed; those of its short fields come first."""
LISTED = 2_000
"""The most names listed for one word, the best."""

_LONGEST = 32
_BODY = 65_536
_SHARD = 24_576
_CHUNK = 16
_DESCRIPTION = 160
_STEADY = 6.0
_WHOLE = 9
_USUAL = 400

_WORD = re.compile(r"[^\W_]+")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+)$", re.MULTILINE)
_MARKS = re.compile("[\u0300-\u036f]")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_OTHER = re.compile(r"[^a-z0-9]")
_PARTED = bytes(
    ord(char.lower()) if (char := chr(code)).isascii() and char.isalnum() else 32 for code in range(256)
)
_BASE_32 = "abcdefghijklmnopqrstuvwxyz234567"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_IGNORED = frozenset(
    _WORD.findall("""
    a an and are as at be but by can do does for from has have how if in into is it its no not of on or that
    the their them then there these this to was what when which will with you your
    """)
)
_COMMON = frozenset(
    _WORD.findall("""
    000 001 1 10 2 3 4 5 add after all also always any ask because before below bin both call case check
    code com command each else env example false file files find first following format get give given gives
    here http https instead json just keep know line lines list look make makes may md more most must name
    need needs never new next nothing one only other output py read result run same say says see set sh
    should show so some step such sure take tell text than they thing true two txt unless until use used
    user uses using usr value want way well where whether while who why without work write www
    """)
)


def note_skill(page: Page, _: Site) -> str:
    """The words of one name, each with its impact as last character, in order: `csv8 csv-profile9 quote2`."""
    document, body = page.document, page.skill.body[:_BODY] if page.skill else ""
    weights: Counter[str] = Counter()
    for weight, text in (
        (12, document.name),
        (8, document.title if document.title != document.name else ""),
        (6, " ".join(document.tags)),
        (4, document.description),
        (3, " ".join(_HEADING.findall(body))),
    ):
        for word in words(text):
            weights[word] += weight
    short, counts = list(weights), Counter(words(body))
    weights.update(counts)
    steady = _STEADY * (0.6 + 0.4 * min(8, counts.total() / _USUAL))
    kept = weights if len(weights) <= WORDS else _telling(short, weights)
    impacts = {word: int(8 * weights[word] / (weights[word] + steady)) + 1 for word in kept}
    impacts[document.name] = _WHOLE
    return " ".join(sorted([f"{word}{impact}" for word, impact in impacts.items()]))


def _telling(short: list[str], weights: Mapping[str, int]) -> list[str]:
    """The words to keep: those of the short fields, then those that few other texts will have."""
    known = set(short)
    rest = [
        (word in _COMMON, -weight, -len(word), word) for word, weight in weights.items() if word not in known
    ]
    return [*short, *(word for *_, word in sorted(rest))][:WORDS]


def words(text: str) -> list[str]:
    """The words of `text` in order: without case and accents, pairs of characters where no spaces part words.

    The script in the browser does the same to what is searched for.
    """
    if text.isascii():
        found = text.encode().translate(_PARTED).decode().split()
    else:
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", text).lower())
        found = _WORD.findall(_UNSPACED.sub(_pairs, unicodedata.normalize("NFC", plain)))
    return [word[:_LONGEST] for word in found if word not in _IGNORED]


def _pairs(found: re.Match[str]) -> str:
    run = found[0]
    return f" {' '.join(run[at : at + 2] for at in range(max(1, len(run) - 1)))} "


def emit_registry(summaries: Sequence[Summary], _: Site) -> Emission:
    """The index of all names that are served."""
    found = [item for item in summaries if item.version and item.state in SERVED and item.type != "bundle"]
    ids = {item.name: identify(item.name) for item in found}
    shards = dict(_shards(_entries(found, ids)))
    chunks = _chunks(found, ids)
    index = {
        "chunks": len(chunks),
        "documents": len(found),
        "ignored": sorted(_IGNORED),
        "shards": sorted(shards),
    }
    entries = [("search/index.json", encode(index))]
    entries += [(f"search/terms-{prefix}.json", body) for prefix, body in shards.items()]
    entries += [(f"search/names-{number}.json", encode(chunk)) for number, chunk in enumerate(chunks)]
    return Emission(tuple(sorted(entries)))


def identify(name: str) -> str:
    """Thirty bits of the name's digest in base 32. Two names may share them: both are shown then."""
    return base64.b32encode(hashlib.sha256(name.encode()).digest()[:5]).decode()[:6].lower()


def _number(own: str) -> int:
    return sum(_BASE_32.index(char) << 5 * (5 - at) for at, char in enumerate(own))


def place(word: str) -> str:
    """Where a word is in the tree of shards: in a–z and digits, with `_` behind its end."""
    if word.isascii():
        return word.ljust(_LONGEST, "_")
    return _OTHER.sub(lambda found: _DIGITS[ord(found[0]) % 36], word).ljust(_LONGEST, "_")


def _entries(summaries: Iterable[Summary], ids: Mapping[str, str]) -> dict[str, str]:
    """Word → its names, as a shard has them."""
    weighed: defaultdict[str, list[str]] = defaultdict(list)
    for own, tokens in sorted((ids[item.name], item.notes.get("search_index", "")) for item in summaries):
        for token in tokens.split():
            weighed[token].append(own)
    groups: defaultdict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for token, holders in weighed.items():
        groups[token[:-1]].append((token[-1], holders))
    return {word: _listing(sorted(group, reverse=True)) for word, group in groups.items()}


def _listing(groups: list[tuple[str, list[str]]]) -> str:
    total = sum([len(holders) for _, holders in groups])
    if total <= LISTED:
        return " ".join([impact + "".join(holders) for impact, holders in groups])
    parts, left = [], LISTED
    for impact, holders in groups:
        if left > 0:
            parts.append(impact + "".join(holders[:left]))
        left -= len(holders)
    return " ".join([*parts, f"+{total}"])


def _shards(entries: Mapping[str, str]) -> Iterator[Made]:
    """Prefix → body. From a shard that is too large, the largest parts by the next letter move out."""
    sizes = {word: len(word.encode()) + len(entry) + 6 for word, entry in entries.items()}

    def split(prefix: str, members: list[tuple[str, str]]) -> Iterator[Made]:
        parts: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for member in members:
            parts[member[0][: len(prefix) + 1]].append(member)
        weighed = sorted((sum([sizes[word] for _, word in part]), longer) for longer, part in parts.items())
        total = sum(size for size, _ in weighed)
        while total > _SHARD and len(members) > 1 and len(prefix) < _LONGEST:
            size, longer = weighed.pop()
            total -= size
            yield from split(longer, parts.pop(longer))
        if parts or not prefix:
            yield prefix, encode({word: entries[word] for part in parts.values() for _, word in part})

    yield from split("", sorted((place(word), word) for word in entries))


def _chunks(summaries: Sequence[Summary], ids: Mapping[str, str]) -> list[dict[str, list[list[str]]]]:
    count = 1
    while count * _CHUNK < len(summaries):
        count *= 2
    chunks: list[dict[str, list[list[str]]]] = [{} for _ in range(count)]
    for item in summaries:
        title = "" if item.title == item.name else shown(item.title, 80)
        about = shown(" ".join(item.description.split()), _DESCRIPTION)
        chunk = chunks[_number(ids[item.name]) % count]
        chunk.setdefault(ids[item.name], []).append([item.name, item.type, item.state, title, about])
    return chunks
