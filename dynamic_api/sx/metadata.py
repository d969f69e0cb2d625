"""metadata.toml of an upload: read, checked whole, and written so that all names in it are the real ones.

Source: contracts/sx.md section 4, and section 0 row 9: sx installs under the names inside the zip.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import cast

from dynamic_api.sx.dependency import read_dependency
from dynamic_api.sx.identity import Identity
from dynamic_api.sx.problems import Problem
from dynamic_api.sx.vocabulary import APP_PLUGIN, KINDS, Kind
from registry_builder.core.folder import File
from registry_builder.core.shown import shown
from registry_builder.emit import sx_rules
from registry_builder.emit.sx_rules import Flaw, Lists

PATH = "metadata.toml"
_OPTIONAL = frozenset({"rule", "claude-code-plugin"})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MEND = "correct it; docs/sx.md has the fields"

_SECTIONS = frozenset(
    name for kind in (*KINDS, APP_PLUGIN) for name in (kind.lock, kind.upload, *kind.aliases)
)

Table = Mapping[str, object]


class Asset(Lists, frozen=True):
    """[asset] but for name, version and type."""

    description: str = ""
    license: str = ""
    homepage: str = ""
    repository: str = ""
    documentation: str = ""
    readme: str = ""
    authors: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


def read(files: Iterable[File]) -> tuple[Table, bytes] | Problem:
    """The metadata among `files`, and its bytes."""
    found = [file for file in files if file.path.partition("/")[0].casefold() == PATH]
    if not found:
        mend = f"put {PATH} with [asset] name, version and type at the root of the zip"
        return Problem("metadata-missing", f"the zip has no {PATH} at its root", PATH, mend)
    if [file.path for file in found] != [PATH]:
        what = f"{shown(found[0].path)} stands in the way of {PATH}"
        return Problem("metadata-collision", what, PATH, f"keep one file at the root, spelled {PATH}")
    try:
        return tomllib.loads(found[0].data.decode("utf-8-sig")), found[0].data
    except (ValueError, RecursionError) as error:
        return Problem("metadata-toml", f"this is not TOML: {shown(str(error))}", PATH, _MEND)


def asset_table(document: Table) -> Table | Problem:
    """[asset], or [artifact] as it was called."""
    value = document.get("asset", document.get("artifact", {}))
    if isinstance(value, dict):
        return value
    return Problem("metadata-section", "asset has to be a table", PATH, _MEND)


def check(document: Table, asset: Table, kind: Kind, paths: Collection[str]) -> Iterator[Problem]:
    """All that sx would refuse in `document`, but for name, version and type."""
    for key in Asset.__struct_fields__:
        if key in asset:
            made = sx_rules.read({key: asset[key]}, Asset, "asset")
            if isinstance(made, Flaw):
                yield _problem(made)
            elif isinstance(made, Asset):
                yield from map(_unreadable, unreadable(made.dependencies))
    if not isinstance(document.get("metadata-version", ""), str):
        yield _problem(Flaw(sx_rules.SECTION, 'metadata-version has to be text, such as "1.0"'))
    section = _section(document, kind)
    if section is None and kind.lock not in _OPTIONAL:
        yield _problem(Flaw(sx_rules.SECTION, f"there is no [{kind.lock}]"))
    elif not isinstance(section or {}, dict) or not isinstance(document.get("custom", {}), dict):
        yield _problem(Flaw(sx_rules.SECTION, f"{kind.lock} and custom have to be tables"))
    else:
        yield from map(_problem, sx_rules.flaws(kind.lock, cast(Table, section or {}), paths))
    if flaw := sx_rules.unwritable(document):
        yield _problem(flaw)


def unreadable(dependencies: Iterable[str]) -> list[str]:
    """Those that no version could ever be chosen for."""
    return [text for text in dependencies if read_dependency(text) is None]


def lists(asset: Table) -> Asset:
    """[asset] of metadata that has been checked."""
    made = sx_rules.read({key: asset[key] for key in Asset.__struct_fields__ if key in asset}, Asset, "asset")
    if not isinstance(made, Asset):
        raise AssertionError("metadata is used before it is checked")
    return made


def rewritten(document: Table, asset: Table, identity: Identity, body: bytes) -> bytes:
    """The metadata with the names of `identity`; `body` itself when it has them already.

    sx compares what it would upload with what is here, so bytes are changed only where they must be. The
    sections of other types go: sx reads them before it knows that they are of no use.
    """
    kind = identity.kind
    section = _section(document, kind)
    dropped = {"asset", "artifact", *_SECTIONS}
    made = {
        **{key: value for key, value in document.items() if key not in dropped},
        "asset": {**asset, "name": identity.name, "version": identity.version, "type": kind.lock},
        **({} if section is None else {kind.lock: section}),
    }
    return body if made == document and body[:3] != _BYTE_ORDER_MARK else sx_rules.write(made)


def _section(document: Table, kind: Kind) -> object:
    """The section of the type, under whichever of its names it stands."""
    return next((document[name] for name in _spellings(kind) if name in document), None)


def _spellings(kind: Kind) -> Sequence[str]:
    return (kind.lock, kind.upload, *kind.aliases)


def _problem(flaw: Flaw) -> Problem:
    return Problem(flaw.code, flaw.message, PATH, _MEND)


def _unreadable(text: str) -> Problem:
    mend = "write name, or name>=1,<2 with plain numbers"
    return Problem("dependency-invalid", f"the dependency {shown(text)!r} cannot be read", PATH, mend)
