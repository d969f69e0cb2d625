"""Which flags a release was made with that are not given: the settings in force are published as a digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

from registry_builder.core.errors import Refusal
from registry_builder.settings import Flags
from registry_builder.store.base import Reader

_EMIT = (None, ("core",), ("core", "extras"))


def missing_flags(reader: Reader, base_url: str | None, given: Flags, fits: Callable[[Flags], bool]) -> str:
    """What to say: the flags with which the settings would be those, or which there are to think of."""
    for flags in _guesses(reader, base_url, given):
        if flags != given and fits(flags):
            return f"give {' '.join(_words(given, flags))}"
    return "give the flags of the last build (--base-url, --name, --preset, --emit, --skip-invalid)"


def _guesses(reader: Reader, base_url: str | None, given: Flags) -> Iterator[Flags]:
    names = {given.name, _name(reader)}
    urls = {given.base_url, base_url}
    presets = (given.preset, None, "portable", "lenient")
    guesses = product(
        sorted(names, key=str), sorted(urls, key=str), presets, (given.emit, *_EMIT), (False, True)
    )
    for name, url, preset, emit, skip in guesses:
        yield replace(given, name=name, base_url=url, preset=preset, emit=emit, skip_invalid=skip)


def _name(reader: Reader) -> str | None:
    try:
        return str(json.loads(reader.get("marketplace.json"))["name"])
    except (Refusal, ValueError, KeyError, TypeError):
        return None


def _words(given: Flags, flags: Flags) -> Iterator[str]:
    if flags.base_url != given.base_url:
        yield f"--base-url {flags.base_url}" if flags.base_url else "no --base-url"
    if flags.name != given.name:
        yield f"--name {flags.name}" if flags.name else "no --name"
    if flags.preset != given.preset:
        yield f"--preset {flags.preset}" if flags.preset else "no --preset"
    if flags.emit != given.emit:
        yield f"--emit {','.join(flags.emit)}" if flags.emit is not None else "no --emit"
    if flags.skip_invalid != given.skip_invalid:
        yield "--skip-invalid" if flags.skip_invalid else "no --skip-invalid"
