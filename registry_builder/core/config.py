"""The files that maintainers write: registry.toml, collections.toml, advisories.toml.

One declaration validates them and gives their JSON Schema. Source: contracts/content.md.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct, field

from registry_builder.core.errors import Unfit

Level = Literal["error", "warning", "off"]
T = TypeVar("T")


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of ours: unknown keys are refused."""


class Owner(_Table, frozen=True):
    """Who stands behind the registry."""

    name: str
    email: str | None = None
    url: str | None = None


class RegistryTable(_Table, frozen=True):
    """[registry]: how the registry calls itself and where it is served."""

    name: str | None = None
    title: str | None = None
    description: str | None = None
    base_url: str | None = None
    owner: Owner | None = None
    source_url: str | None = None


class ContentTable(_Table, frozen=True):
    """[content]: which folder holds which type of asset, and how an empty ledger is filled."""

    roots: dict[str, str] = field(default_factory=dict)
    seed: Literal["history", "head"] = "history"


class LimitsTable(_Table, frozen=True):
    """[check.limits]: a number of bytes is an integer or text such as "25 MiB"."""

    files: int | None = None
    bytes: int | str | None = None
    file_bytes: int | str | None = None


class CheckTable(_Table, frozen=True):
    """[check]: which rules hold."""

    preset: Literal["portable", "lenient"] = "portable"
    levels: dict[str, Level] = field(default_factory=dict)
    allow_confusable: tuple[tuple[str, str], ...] = ()
    limits: LimitsTable = LimitsTable()


class EmitTable(_Table, frozen=True):
    """[emit]: groups of emitters or single ones."""

    enable: tuple[str, ...] = ("core",)


class PublishTable(_Table, frozen=True):
    """[publish]: where a publish leaves a copy of the ledger; no part of the release."""

    ledger_ref: str | None = None
    ledger_remote: str = "origin"


class SkillTable(_Table, frozen=True):
    """[skills.<name>]: what the operator decides about one skill."""

    credit_cost_per_use: int = 1
    owner: str | None = None


class SiteTable(_Table, frozen=True):
    """[site]: how the catalogue looks."""

    logo: str | None = None
    accent: str | None = None
    footer: str | None = None


class RegistryFile(_Table, frozen=True):
    """registry.toml, every key optional."""

    registry: RegistryTable = RegistryTable()
    content: ContentTable = ContentTable()
    check: CheckTable = CheckTable()
    emit: EmitTable = EmitTable()
    publish: PublishTable = PublishTable()
    skills: dict[str, SkillTable] = field(default_factory=dict)
    site: SiteTable = SiteTable()


class CollectionTable(_Table, frozen=True):
    """One collection of collections.toml."""

    skills: tuple[str, ...]
    title: str | None = None
    description: str = ""


class Advisory(_Table, frozen=True):
    """One [[advisory]]: a state for some or all versions of a name."""

    skill: str
    state: Literal["deprecated", "yanked", "quarantined"]
    versions: tuple[int, ...] | None = None
    reason: str | None = None
    replacement: str | None = None


class AdvisoriesFile(_Table, frozen=True):
    """advisories.toml."""

    advisory: tuple[Advisory, ...] = ()
    reclaim: dict[str, str] = field(default_factory=dict)


CollectionsFile = dict[str, CollectionTable]

_TABLES: tuple[type[Struct], ...] = (
    RegistryFile,
    RegistryTable,
    Owner,
    ContentTable,
    CheckTable,
    LimitsTable,
    EmitTable,
    PublishTable,
    SkillTable,
    SiteTable,
    CollectionTable,
    AdvisoriesFile,
    Advisory,
)
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$?(.*)`)?")
_INDEX = re.compile(r"\[[^\]]*\]")
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")


def read(data: bytes | None, form: type[T], place: str) -> T:
    """`data` as `form`; None is an empty file. Raises Unfit with the line and the nearest known key."""
    try:
        text = (data or b"").decode("utf-8-sig")
        return msgspec.convert(tomllib.loads(text), form)
    except UnicodeDecodeError as error:
        raise Unfit(
            "bad-utf8", f"not UTF-8 at byte {error.start}", place=place, mend="save as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{place}:{line[1]}" if line else place
        raise Unfit("bad-toml", f"not TOML: {error}", place=where, mend="mend the syntax") from error
    except msgspec.ValidationError as error:
        raise _explained(str(error), text, place) from error


def _explained(message: str, text: str, place: str) -> Unfit:
    unknown = _UNKNOWN.match(message)
    if not unknown:
        at = _AT.search(message)
        path = at[1].lstrip(".") if at else ""
        what = _AT.sub("", message).replace(" | null", "")
        where = _line_of(_INDEX.sub("", path).rpartition(".")[2], text, place)
        return Unfit(
            "bad-value", f"{path}: {what}" if path else what, place=where, mend="see docs/content.md"
        )
    key = unknown[1]
    known = sorted({name for table in _TABLES for name in table.__struct_fields__})
    near = difflib.get_close_matches(key, known, 1, 0.5)
    mend = f"did you mean {near[0]}?" if near else "remove it; docs/content.md lists the keys"
    within = f" in {unknown[2].lstrip('.')}" if unknown[2] else ""
    return Unfit("unknown-key", f"unknown key {key}{within}", place=_line_of(key, text, place), mend=mend)


def _line_of(key: str, text: str, place: str) -> str:
    pattern = re.compile(rf"""(?:^|[\[.{{,\s"']){re.escape(key)}(?:["'\s\].=]|$)""")
    found = next((n for n, line in enumerate(text.splitlines(), 1) if key and pattern.search(line)), None)
    return f"{place}:{found}" if found else place
