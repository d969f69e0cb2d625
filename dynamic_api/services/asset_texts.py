"""An asset that is made of a single text: its prompt. The bundle is made ready before the transaction."""

from __future__ import annotations

from dataclasses import dataclass

import tomli_w

from dynamic_api.errors import Invalid
from dynamic_api.private_store import PrivateStore
from dynamic_api.services.asset_scan import scanned
from dynamic_api.services.asset_uploads import Scanned
from dynamic_api.services.assets import Found
from dynamic_api.settings import Uploads
from dynamic_api.sx.bundle import Bundle, read_bundle
from dynamic_api.sx.identity import Form
from dynamic_api.sx.version import read
from dynamic_api.sx.vocabulary import kind_of
from registry_builder.core.artifact import pack
from registry_builder.core.folder import File, sorted_files

PROMPTS = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}


@dataclass(frozen=True, slots=True)
class Text:
    """What is written: `kind` in any spelling of its type."""

    name: str
    kind: str
    text: str
    description: str


@dataclass(frozen=True, slots=True)
class Written:
    """The bundle of a text, kept in the store, and what the scan says of it."""

    bundle: Bundle
    scanned: Scanned


def write(store: PrivateStore, text: Text, known: Found | None, limits: Uploads) -> Written:
    """The next version of `known`, or the first one. Raises Invalid, Unprocessable, as an upload does."""
    read_kind = kind_of(text.kind)
    lock_type = read_kind.lock if read_kind else text.kind
    prompt = PROMPTS.get(lock_type)
    if prompt is None:
        what = f"a {text.kind[:40]!r} is not made of one text"
        raise Invalid("type-refused", what, place="assetType", mend=f"use one of {', '.join(PROMPTS)}")
    version = _next(known)
    asset = {"name": text.name, "version": version, "type": lock_type, "description": text.description}
    table = {"asset": asset, lock_type: {"prompt-file": prompt}}
    files = (File("metadata.toml", tomli_w.dumps(table).encode()), File(prompt, text.text.encode()))
    bundle = read_bundle(pack(sorted_files(files)), Form(name=text.name, version=version, type=lock_type))
    result = scanned(bundle, limits, None)
    store.put(bundle.sha256, [bundle.body])
    return Written(bundle, result)


def _next(known: Found | None) -> str:
    """The next major number, as sx counts."""
    readings = [read(kept.version.label) for kept in known.versions] if known else []
    return str(max((each.numbers[0] for each in readings if each), default=0) + 1)
