"""The one table of emitters, and the groups in which they can be switched on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from registry_builder.core.key import download_key
from registry_builder.core.ledger import Row
from registry_builder.emit.base import (
    Budget,
    Chapter,
    Collection,
    Derivation,
    Emission,
    Files,
    Made,
    Page,
    Sink,
    Site,
    Source,
    Summary,
    Told,
)

if TYPE_CHECKING:  # the guard of imports reads these: whoever imports the table reaches every emitter
    from registry_builder.emit import (  # noqa: F401 - as above
        claude,
        clawhub,
        copilot,
        discovery_v01,
        git,
        html,
        json_api,
        npm,
        search,
        search_index,
        sx,
        well_known,
    )


class _Modules(Mapping[str, ModuleType]):
    """Emitter → its module, imported when it is asked for: a build that changes nothing needs none."""

    def __init__(self, *names: str) -> None:
        self._found: dict[str, ModuleType | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> ModuleType:
        module = self._found[name] or import_module(f"registry_builder.emit.{name}")
        self._found[name] = module
        return module

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


EMITTERS: Mapping[str, ModuleType] = _Modules(
    "json_api",
    "claude",
    "npm",
    "well_known",
    "sx",
    "html",
    "search_index",
    "discovery_v01",
    "clawhub",
    "copilot",
    "git",
    "search",
)
BUNDLERS = ("npm", "sx")
"""The emitters with `derive` and `row_keys`: these are asked on or off, so others are not imported for it."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "core": ("json_api", "claude", "npm", "well_known", "sx", "html", "search_index"),
    "extras": ("discovery_v01", "clawhub", "copilot", "git", "search"),
}


def choose(wanted: Sequence[str]) -> tuple[str, ...]:
    """The emitters that groups and names stand for, in the table's order. Raises KeyError."""
    chosen: set[str] = set()
    for name in wanted:
        if name not in GROUPS and name not in EMITTERS:
            raise KeyError(name)
        chosen.update(GROUPS.get(name, (name,)))
    return tuple(name for name in EMITTERS if name in chosen)


def derive(source: Source, site: Site) -> Iterator[tuple[str, Derivation]]:
    """Emitter → the bundle that it makes of a version to be minted, whether it is on or not."""
    for name in BUNDLERS:
        made: Derivation | None = EMITTERS[name].derive(source, site)
        if made is not None:
            yield name, made


def emit_skill(names: Sequence[str], page: Page, site: Site) -> Iterator[Made]:
    """The keys of one name, of all emitters in `names`."""
    for name in names:
        if _has(name, "emit_skill"):
            yield from EMITTERS[name].emit_skill(page, site)


def note_skill(names: Sequence[str], page: Page, site: Site) -> dict[str, str]:
    """What each emitter in `names` wants to know of one name whenever it makes what spans names."""
    return {name: EMITTERS[name].note_skill(page, site) for name in names if _has(name, "note_skill")}


def emit_registry(names: Sequence[str], summaries: Sequence[Summary], site: Site) -> Iterator[Emission]:
    """The keys that span names, an emission for each emitter in `names`."""
    for name in names:
        if _has(name, "emit_registry"):
            yield EMITTERS[name].emit_registry(summaries, site)


def emit_collection(
    names: Sequence[str], collection: Collection, members: Sequence[Summary], files: Files, site: Site
) -> Iterator[Emission]:
    """The keys of one collection that hold files of its members, an emission for each emitter in `names`."""
    for name in names:
        if _has(name, "emit_collection"):
            yield EMITTERS[name].emit_collection(collection, members, files, site)


def gathers(names: Sequence[str]) -> bool:
    """Whether some emitter in `names` puts files of several names into one key."""
    return any(_has(name, "emit_collection") for name in names)


def emit_history(
    names: Sequence[str], chapter: Callable[[str], Chapter], site: Site, sink: Sink
) -> Iterator[tuple[str, Told]]:
    """Emitter → what it makes of its chapter, of those in `names` that build on earlier releases."""
    for name in names:
        if _has(name, "emit_history"):
            yield name, EMITTERS[name].emit_history(chapter(name), site, sink)


def budgets(names: Sequence[str]) -> tuple[Budget, ...]:
    """Every limit that holds for what the emitters in `names` make."""
    return tuple(budget for name in names for budget in getattr(EMITTERS[name], "BUDGETS", ()))


def object_keys(names: Sequence[str], name: str, row: Row) -> list[str]:
    """The keys that `row` pins for ever, its artifact first; those of emitters that are off left out."""
    keys = [download_key(name, row.sha256)]
    for emitter in BUNDLERS:
        if emitter in names:
            keys += EMITTERS[emitter].row_keys(name, row)
    return keys


def _has(name: str, function: str) -> bool:
    return hasattr(EMITTERS[name], function)
