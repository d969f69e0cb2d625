"""Claude's catalogue file, whatever its sources: its entries, and what is cut to keep its size.

Source: Claude Code 2.1.329, what `claude plugin validate --strict` takes and the size it downloads;
DESIGN.md D8.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from urllib.parse import SplitResult, urlsplit

from registry_builder.core.finding import Finding
from registry_builder.core.ledger import encode
from registry_builder.emit.base import Emission, Site, Summary, cut, semver

BYTES = 5_242_880
TYPES = ("agent", "bundle", "command", "plugin", "skill")

_SHORTEST, _LONGEST = 80, 1_024
_KEYWORDS, _WORD = 50, 128
_COMPONENTS = {
    "agent": {"agents": ["./AGENT.md"]},
    "command": {"commands": ["./COMMAND.md"]},
    "skill": {"skills": ["./"]},
}
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?\.?", re.IGNORECASE)
_NO_URL = re.compile(r'[\s\x00-\x20\x7f"<>\\^`{|}]')


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry to be: what is known of a name, and where its bytes come from."""

    summary: Summary
    source: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One file to be: `frame` is everything but the plugins, `limit` its largest size."""

    key: str
    frame: Mapping[str, object]
    plugins: tuple[Plugin, ...]
    limit: int = BYTES


def frame(site: Site, name: str, description: str) -> dict[str, object]:
    """What a catalogue says of itself. `name` is the marketplace, as in `plugin install x@name`."""
    owner = {"name": site.owner.get("name") or site.title or site.name}
    owner |= {field: site.owner[field] for field in ("email", "url") if site.owner.get(field)}
    return {"name": name, "description": description.strip() or site.title or site.name, "owner": owner}


def write(catalogue: Catalogue, preferred: Sequence[str] = ()) -> Emission:
    """The file. Too large, it lists `preferred` alone; still too large or nothing preferred, it is cut.

    A bundle is listed only beside all its dependencies: Claude looks for them in the same file.
    """
    plugins = _complete(catalogue.plugins)
    body = _body(catalogue.frame, plugins, _LONGEST)
    if len(body) <= catalogue.limit:
        return Emission(((catalogue.key, body),))
    names = frozenset(preferred)
    chosen = tuple(item for item in plugins if item.summary.type == "bundle" or item.summary.name in names)
    if any(item.summary.type != "bundle" for item in chosen):
        return write(replace(catalogue, plugins=chosen))
    return _cut(catalogue, plugins)


def about(summary: Summary) -> dict[str, object]:
    """What an entry and a package say of a name beside its description. Strangers' values are bounded."""
    found: dict[str, object] = {}
    if keywords := [tag for tag in summary.tags if 0 < len(tag) <= _WORD][:_KEYWORDS]:
        found["keywords"] = keywords
    if licence := (summary.licence or "").strip():
        found["license"] = cut(licence, _WORD)
    if author := (summary.author or "").strip():
        found["author"] = {"name": cut(author, _WORD)}
    if is_web(summary.homepage):
        found["homepage"] = summary.homepage
    return found


def is_web(url: str | None) -> bool:
    """Whether `url` is an http or https URL that every client parses."""
    if not url or len(url) > 2_000 or _NO_URL.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and parts.port != -1 and _is_host(parts)
    except ValueError:
        return False


def _is_host(parts: SplitResult) -> bool:
    """Whether browsers take the host. Raises ValueError where Python's own rules refuse it."""
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return "%" not in host and ipaddress.IPv6Address(host).version == 6
    if re.fullmatch(r"[0-9.]+", host):
        return ipaddress.IPv4Address(host).version == 4
    if not all(char.isascii() or char.isalpha() for char in host):
        return False
    ascii_host = host.encode("idna")
    return bool(ascii_host.decode("idna")) and _HOST.fullmatch(ascii_host.decode()) is not None


def _complete(plugins: Sequence[Plugin]) -> tuple[Plugin, ...]:
    """`plugins` by name, without bundles that lack a dependency."""
    members = {item.summary.name for item in plugins if item.summary.type != "bundle"}
    kept = [
        item
        for item in plugins
        if item.summary.type != "bundle" or members.issuperset(item.summary.dependencies)
    ]
    return tuple(sorted(kept, key=lambda item: item.summary.name))


def _cut(catalogue: Catalogue, plugins: Sequence[Plugin]) -> Emission:
    """The file with descriptions at the largest common length that fits; none does: the newest that fit."""
    room = catalogue.limit - len(_body(catalogue.frame, (), _LONGEST)) + 1
    fixed = [len(encode(_entry(item, ""))) for item in plugins]
    texts = [_text(item.summary) for item in plugins]

    def sizes(length: int) -> list[int]:
        shown = (encode(cut(text, length)) for text in texts)
        return [size + len(text) - len('""\n') for size, text in zip(fixed, shown, strict=True)]

    lengths = range(_SHORTEST, _LONGEST)
    longer = bisect_left(lengths, True, key=lambda length: sum(sizes(length)) > room)
    length = lengths[max(longer - 1, 0)]
    kept = tuple(plugins) if longer else _newest(plugins, sizes(length), room)
    body = _body(catalogue.frame, _complete(kept), length)
    return Emission(((catalogue.key, body),), (_finding(catalogue, len(kept), len(plugins), length),))


def _newest(plugins: Sequence[Plugin], sizes: Sequence[int], room: int) -> tuple[Plugin, ...]:
    """As many of `plugins` as fit, newest first; a bundle counts right after the last of its dependencies."""
    pairs = sorted(zip(plugins, sizes, strict=True), key=lambda pair: pair[0].summary.name)
    pairs.sort(key=lambda pair: pair[0].summary.time, reverse=True)
    place = {item.summary.name: at for at, (item, _) in enumerate(pairs) if item.summary.type != "bundle"}

    def turn(pair: tuple[Plugin, int]) -> tuple[int, bool]:
        summary = pair[0].summary
        if summary.type != "bundle":
            return place[summary.name], False
        return max((place[name] for name in summary.dependencies), default=-1), True

    pairs.sort(key=turn)
    totals = list(accumulate(size for _, size in pairs))
    return tuple(item for (item, _), total in zip(pairs, totals, strict=True) if total <= room)


def _finding(catalogue: Catalogue, kept: int, total: int, length: int) -> Finding:
    return Finding(
        rule="catalogue-cut",
        level="warning",
        name=str(catalogue.frame["name"]),
        path=catalogue.key,
        line=0,
        message=f"{kept} of {total} entries are listed, their descriptions cut to {length} characters: "
        f"Claude Code refuses a catalogue above {catalogue.limit:,} bytes",
        mend="make smaller collections, and one called default for what the root catalogue should list",
    )


def _body(head: Mapping[str, object], plugins: Sequence[Plugin], length: int) -> bytes:
    entries = [_entry(item, cut(_text(item.summary), length)) for item in plugins]
    return encode({**head, "plugins": entries})


def _text(summary: Summary) -> str:
    return summary.description.strip() or summary.title.strip() or summary.name


def _entry(plugin: Plugin, description: str) -> dict[str, object]:
    summary = plugin.summary
    found = {
        "name": summary.name,
        "description": description,
        "version": semver(summary.version),
        "source": plugin.source,
        **about(summary),
    }
    if not summary.manifest and summary.type in _COMPONENTS:
        found |= {"strict": False, **_COMPONENTS[summary.type]}
    return found
