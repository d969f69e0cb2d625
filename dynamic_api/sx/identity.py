"""What an uploaded asset is: name, version and type, out of the form, its metadata and the file's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dynamic_api.sx.problems import Problem
from dynamic_api.sx.version import flaw
from dynamic_api.sx.vocabulary import APP_PLUGIN, KINDS, Kind, kind_of
from registry_builder.core.rules.fields import RESERVED
from registry_builder.core.rules.paths import is_device_name
from registry_builder.core.shown import shown

LENGTH = 64
Meaning = Callable[[str], object]
_PLACE = "metadata.toml"
_FILE_NAME = re.compile(r"(.+?)(?:-(v?[0-9]+(?:\.[0-9]+)*))?\.zip", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The text fields of an upload (contracts/sx.md R6); None or empty when one was not sent."""

    name: str | None = None
    version: str | None = None
    type: str | None = None
    file_name: str | None = None


class Identity(NamedTuple):
    """`name` is the slug. `given` is the name as it came, which later calls of sx still use."""

    name: str
    given: str
    version: str
    kind: Kind


def slug_of(name: str) -> str:
    """`name` as DESIGN.md D7 wants it: a-z, 0-9, single hyphens, at most 64; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[: LENGTH + 1].strip("-")[:LENGTH].rstrip("-")


def name_problem(name: str) -> Problem | None:
    """Why no asset can be called `name`, or None."""
    return next(_name(name, slug_of(name)), None)


def identify(form: Form, asset: Mapping[str, object]) -> tuple[Identity | None, Kind | None, list[Problem]]:
    """What the upload is, its type, and all that is wrong with that; no identity when anything is.

    `asset` is the table [asset] of its metadata.
    """
    problems = [*_not_text(asset)]
    name = _one("name", form.name, asset.get("name"), slug_of, problems) or _from_file(form, 1)
    version = _one("version", form.version, asset.get("version"), str, problems) or _from_file(form, 2)
    wanted = _one("type", form.type, asset.get("type"), kind_of, problems) or "skill"
    slug, kind = slug_of(name), kind_of(wanted)
    problems += [*_name(name, slug), *_version(version), *_kind(wanted, kind)]
    if problems or kind is None:
        return None, None if kind is APP_PLUGIN else kind, problems
    return Identity(slug, name, version, kind), kind, problems


def _not_text(asset: Mapping[str, object]) -> Iterator[Problem]:
    for key in ("name", "version", "type"):
        if key in asset and not isinstance(asset[key], str):
            mend = f'write {key} = "…", in quotes'
            yield Problem("metadata-not-text", f"[asset] {key} has to be text", _PLACE, mend)


def _one(key: str, sent: str | None, stated: object, meaning: Meaning, problems: list[Problem]) -> str:
    """The value of `key`, from the form or else the metadata, which have to mean the same."""
    sent = (sent or "").strip()
    stated = stated.strip() if isinstance(stated, str) else ""
    if sent and stated and meaning(sent) != meaning(stated):
        what = f"the form says {key} {shown(sent)!r}, metadata.toml {shown(stated)!r}"
        problems.append(Problem("form-disagrees", what, _PLACE, "make them equal"))
    return sent or stated


def _from_file(form: Form, group: int) -> str:
    """The reference's last resort: `{name}-{version}.zip`."""
    match = _FILE_NAME.fullmatch((form.file_name or "").replace("\\", "/").rpartition("/")[2])
    return (match[group] or "") if match else ""


def _name(name: str, slug: str) -> Iterator[Problem]:
    if not name:
        yield Problem("name-missing", "nothing says the asset's name", _PLACE, "write name under [asset]")
    elif not slug:
        mend = "use letters a-z and digits"
        yield Problem("name-invalid", f"no slug can be made of {shown(name)!r}", _PLACE, mend)
    elif slug in RESERVED or is_device_name(slug):
        yield Problem("name-reserved", f"the name {slug} is reserved", _PLACE, "choose another name")


def _version(version: str) -> Iterator[Problem]:
    if not version:
        yield Problem(
            "version-missing", "nothing says the version", _PLACE, 'write version = "1" under [asset]'
        )
    elif why := flaw(version):
        yield Problem("version-invalid", f"the version {shown(version)!r} {why}", _PLACE, "choose another")


def _kind(wanted: str, kind: Kind | None) -> Iterator[Problem]:
    mend = f"use one of {', '.join(each.lock for each in KINDS)}"
    if kind is None:
        yield Problem("type-unknown", f"the type {shown(wanted)!r} is unknown", _PLACE, mend)
    elif kind is APP_PLUGIN:
        yield Problem("type-refused", "app plugins are for the desktop application alone", _PLACE, mend)
