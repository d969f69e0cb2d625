"""What types do not say about the settings: bounds, addresses, and names that must be there."""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from dynamic_api.errors import Invalid
from registry_builder.core.errors import Misuse

if TYPE_CHECKING:
    from dynamic_api.settings import Settings

MOST = 2**53
"""Beyond it JavaScript does not count, and a little further no database."""
LIST = "docs/api-settings.md lists every setting"
_NOT_ZERO = frozenset(
    {
        "data.pool_size",
        "data.refresh_seconds",
        "data.revoked_seconds",
        "server.body_bytes",
        "uploads.zip_bytes",
        "webhooks.at_once",
        "webhooks.poll_seconds",
        "webhooks.timeout_seconds",
        "runs.concurrent",
        "runs.concurrent_per_account",
    }
)
"""Numbers with which nothing would go on at all; elsewhere 0 is a choice."""
_PAIR = re.compile(r"\S+:[0-9]{1,5}")
_DATABASES = ("postgresql", "sqlite")


def require_sound(settings: Settings, place: str) -> None:
    """Raise Misuse for the first setting that cannot be meant."""
    for name, value in _numbers(settings):
        least = "more than 0" if name in _NOT_ZERO else "0 or more"
        if not math.isfinite(value) or not 0 <= value <= MOST or (value == 0 and name in _NOT_ZERO):
            raise _bad(f"{name} is {value}", f"give {least}, and no more than 2**53", place)
    server = settings.server
    for name, url in (("public_url", server.public_url), ("assets_url", server.assets_url)):
        if url is not None and not _is_address(url):
            mend = "give an address such as https://skills.example"
            raise _bad(f"server.{name} is {url!r}", mend, place)
    _require_each(server.trusted_proxies, _is_network, "server.trusted_proxies", "10.0.0.0/8", place)
    _require_each(server.cors_origins, _is_origin, "server.cors_origins", "https://app.example", place)
    _require_each(settings.github.sources, _is_repository, "github.sources", "owner/repo", place)
    for name, hosts in (
        ("webhooks.allow_hosts", settings.webhooks.allow_hosts),
        ("github.allow_hosts", settings.github.allow_hosts),
        ("runs.network_allow_hosts", settings.runs.network_allow_hosts),
    ):
        _require_each(hosts, _PAIR.fullmatch, name, "hooks.internal:8443", place)
    _require_database(settings.data.database_url, place)
    require_known(settings.credits.default_tier, list(settings.credits.tiers), "tier", place)


def require_known(name: str, known: list[str], kind: str, place: str) -> None:
    """Raise Misuse with the nearest name."""
    if name in known:
        return
    near = difflib.get_close_matches(name, known, 1, 0.4)
    mend = f"did you mean {near[0]}?" if near else LIST
    raise Misuse(f"unknown-{kind}", f"unknown {kind} {name}", place=place, mend=mend)


def _numbers(values: Struct, before: str = "") -> Iterator[tuple[str, float]]:
    """Every number, with the name of its setting."""
    for key in values.__struct_fields__:
        value, name = getattr(values, key), f"{before}{key}"
        if isinstance(value, Struct):
            yield from _numbers(value, f"{name}.")
        elif isinstance(value, dict):
            for inner, item in value.items():
                if isinstance(item, Struct):
                    yield from _numbers(item, f"{name}.{inner}.")
        elif isinstance(value, int | float):
            yield name, value


def _require_each(
    texts: Sequence[str], is_one: Callable[[str], object], name: str, example: str, place: str
) -> None:
    for text in texts:
        if not is_one(text):
            raise _bad(f"{name} holds {text!r}", f"give such as {example}", place)


def _is_address(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and parts.username is None
            and not parts.query + parts.fragment
        )
    except ValueError:
        return False


def _is_origin(text: str) -> bool:
    """Browsers send an origin without a path, not even a slash."""
    return text in {"*", "null"} or (_is_address(text) and not urlsplit(text).path)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_repository(text: str) -> bool:
    # Few name a source, and it brings the HTTP client along.
    from dynamic_api.outbound.github_url import parse_repository

    try:
        parse_repository(text)
    except Invalid:
        return False
    return True


def _require_database(url: str | None, place: str) -> None:
    scheme = (url or _DATABASES[0]).partition(":")[0].partition("+")[0]
    if scheme not in _DATABASES:
        # The rest may hold a password.
        raise _bad(f"data.database_url begins with {scheme[:20]!r}", "give postgresql://…", place)
    if url is None:
        return
    # Who keeps state in a file needs nothing of it for the settings.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except (ArgumentError, ValueError) as error:
        mend = "give postgresql://user:password@host:port/name"
        raise _bad("data.database_url is no address of a database", mend, place) from error


def _bad(what: str, mend: str, place: str) -> Misuse:
    return Misuse("bad-setting", what, place=place, mend=mend)
