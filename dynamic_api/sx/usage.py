"""Usage reports: JSON lines become events with ids, all of them or none.

Source: contracts/sx.md R7 and 1.5. sx sends a queue again until it is taken, so an event has the same id each
time, and types that are not known yet are kept rather than refused for ever.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from dynamic_api.errors import Invalid, TooLarge
from dynamic_api.sx.vocabulary import kind_of
from registry_builder.core.shown import shown

_AHEAD = timedelta(days=1)

_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Short = Annotated[str, Meta(max_length=200)]
_Time = Annotated[datetime, Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class UsageLimits:
    """How much one report may hold."""

    lines: int = 10_000
    line_bytes: int = 64 * 1024


DEFAULT = UsageLimits()


class Event(Struct, frozen=True, kw_only=True):
    """One use of an asset. `actor` is who used it as the line says (an import), None for the caller.

    `id` is the same whenever the same caller reports the same line again.
    """

    id: str
    asset_name: str
    asset_version: str
    asset_type: str
    time: datetime
    actor: str | None


class _Line(Struct, frozen=True):
    asset_name: _Name
    asset_version: _Short = ""
    asset_type: _Short = "skill"
    timestamp: _Time | None = None
    actor: _Short | None = None
    id: _Short | None = None
    event_id: _Short | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)
_ID, _48_BITS = 32, (1 << 48) - 1
_NUL = b"\\u0000"
"""How JSON spells what no database takes. It may also be a backslash and five characters."""


def require_usage(body: bytes, limits: UsageLimits = DEFAULT) -> bool:
    """Whether there is any event in `body`. Raises as `read_usage` does."""
    return bool(_read(body, limits))


def read_usage(body: bytes, caller: str, now: datetime, limits: UsageLimits = DEFAULT) -> tuple[Event, ...]:
    """The events in `body`, in their order; empty lines count for nothing.

    One broken line refuses them all. Raises Invalid with the number of the line, TooLarge.
    """
    events: list[Event] = []
    seen: Counter[str] = Counter()
    latest = now + _AHEAD
    for line in _read(body, limits):
        time = _utc(line.timestamp, now)
        key = _key(line, caller, time)
        seen[key] += 1
        # A wrong clock counts as now, but its own time is what a line is known again by.
        events.append(_event(line, key, seen[key], now if time > latest else time))
    return tuple(events)


def _read(body: bytes, limits: UsageLimits) -> Sequence[_Line]:
    found = _at_once(body, limits)
    return [_decoded(number, text) for number, text in _lines(body, limits)] if found is None else found


def _at_once(body: bytes, limits: UsageLimits) -> Sequence[_Line] | None:
    """Every line, of a body as sx sends it; None for one that has to be looked at line by line.

    Outside of strings, which hold no line ends, "}" is followed by "{" only between two whole objects.
    """
    text = body.rstrip()
    if _NUL in text:
        return None
    try:
        found = _DECODER.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if not text.count(b"\n") == text.count(b"}\n{") == len(found) - 1 or len(found) > limits.lines:
        return None
    fits = len(body) <= limits.line_bytes or max(map(len, body.split(b"\n"))) <= limits.line_bytes
    return found if fits else None


def _lines(body: bytes, limits: UsageLimits) -> Iterator[tuple[int, bytes]]:
    count = 0
    for number, raw in enumerate(body.split(b"\n"), 1):
        if len(raw) > limits.line_bytes:
            what = f"line {number} has {len(raw)} bytes, {limits.line_bytes} are allowed"
            raise TooLarge("usage-line-too-long", what, place=f"body:{number}", mend="report what was used")
        text = raw.strip()
        if not text:
            continue
        count += 1
        if count > limits.lines:
            what = f"there are more than {limits.lines} lines"
            raise TooLarge("usage-too-many-lines", what, place=f"body:{number}", mend="send them in parts")
        yield number, text


def _decoded(number: int, text: bytes) -> _Line:
    try:
        line = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _invalid(number, str(error)) from error
    if _NUL in text and any("\0" in value for value in astuple(line) if isinstance(value, str)):
        raise _invalid(number, "a text has a NUL")
    return line


def _invalid(number: int, why: str) -> Invalid:
    mend = "send one JSON object a line, with asset_name; nothing of this report was counted"
    what = f"line {number}: {shown(why)}"
    return Invalid("usage-line-invalid", what, place=f"body:{number}", mend=mend)


def _key(line: _Line, caller: str, time: datetime) -> str:
    """What tells two events of one caller apart. Without a time of its own a line is of the time it came."""
    given = line.id or line.event_id
    if given:
        return _digest(("id", caller, given))[:_ID]
    parts = ("line", caller, line.actor, line.asset_name, line.asset_version, line.asset_type, time)
    return _timed(_digest(parts), int(time.timestamp() * 1000))


def _timed(digest: str, at: int) -> str:
    """The digest behind its time, so that what was used together lies together in the index of ids."""
    return f"{at & _48_BITS:012x}{digest}"[:_ID]


def _event(line: _Line, key: str, occurrence: int, time: datetime) -> Event:
    """The event of `line`. Equal lines in one report are different uses, unless they have one id."""
    is_named = line.id or line.event_id
    kind = kind_of(line.asset_type)
    return Event(
        id=key if is_named or occurrence == 1 else (key[:12] + _digest((key, occurrence)))[:_ID],
        asset_name=line.asset_name,
        asset_version=line.asset_version,
        asset_type=kind.lock if kind else line.asset_type,
        time=time,
        actor=line.actor.strip().lower() or None if line.actor else None,
    )


def _utc(stated: datetime | None, now: datetime) -> datetime:
    """`stated` in UTC; `now` for none, and for one that is in no calendar once it is in UTC."""
    if stated is None or stated.tzinfo is UTC:
        return stated or now
    try:
        return stated.astimezone(UTC)
    except OverflowError:
        return now


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(_ENCODER.encode(parts)).hexdigest()
