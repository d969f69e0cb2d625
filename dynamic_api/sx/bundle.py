"""An uploaded sx zip: read strictly, checked whole, and packed again with one name for one thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dynamic_api.sx import metadata
from dynamic_api.sx.identity import Form, Identity, identify
from dynamic_api.sx.problems import Problem, refusal, translated
from dynamic_api.sx.vocabulary import kind_of
from registry_builder.core.artifact import OWN, Limits, pack, read, unwrap
from registry_builder.core.errors import Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File, sorted_files
from registry_builder.core.key import digest
from registry_builder.core.shown import shown

UPLOAD = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What is kept of an upload. `body` is the canonical zip (DESIGN.md D3), so equal files are equal bytes.

    `given` is the name as it was sent, `type` as locks spell it. `files` has `metadata.toml` as it is in
    `body`, and `metadata` is that file.
    """

    name: str
    given: str
    version: str
    type: str
    description: str
    clients: tuple[str, ...]
    dependencies: tuple[str, ...]
    files: tuple[File, ...]
    metadata: bytes
    body: bytes
    sha256: str
    findings: tuple[Finding, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the zip."""
        return len(self.body)


def read_bundle(data: bytes, form: Form, limits: Limits = UPLOAD) -> Bundle:
    """The bundle in the zip `data`. Raises Invalid with everything that is wrong, TooLarge."""
    try:
        files = unwrap(read(data, limits))
    except Unfit as error:
        raise translated(error) from error
    found = metadata.read(files)
    if isinstance(found, Problem):
        raise refusal([found])
    document, text = found
    asset = metadata.asset_table(document)
    if isinstance(asset, Problem):
        raise refusal([asset])
    identity = _checked(document, asset, form, files)
    return _packed(identity, asset, files, metadata.rewritten(document, asset, identity, text))


def renamed(body: bytes, name: str) -> bytes:
    """A bundle that we keep, under the slug `name`: only its metadata differs."""
    files = read(body, OWN)
    found = metadata.read(files)
    if isinstance(found, Problem):
        raise refusal([found])
    document, text = found
    asset = metadata.asset_table(document)
    if isinstance(asset, Problem):
        raise refusal([asset])
    kind = kind_of(str(asset.get("type", "skill")))
    if kind is None:
        raise AssertionError("what we keep has a type that we know")
    identity = Identity(name, name, str(asset.get("version", "")), kind)
    rewritten = metadata.rewritten(document, asset, identity, text)
    others = (file for file in files if file.path != metadata.PATH)
    return pack(sorted_files((*others, File(metadata.PATH, rewritten))))


def _checked(
    document: metadata.Table, asset: metadata.Table, form: Form, files: tuple[File, ...]
) -> Identity:
    identity, kind, problems = identify(form, asset)
    for file in files:
        problems += _encoded(file.path)
    if kind is not None:
        problems += metadata.check(document, asset, kind, {file.path for file in files})
    if problems or identity is None:
        raise refusal(problems)
    return identity


def _encoded(path: str) -> Iterator[Problem]:
    """The strict reader lets pass what is no NFC; the canonical zip has none of it."""
    try:
        pack((File(path, b""),))
    except Unfit as error:
        yield Problem(error.code, error.message, shown(path), error.mend)


def _packed(identity: Identity, asset: metadata.Table, files: tuple[File, ...], text: bytes) -> Bundle:
    others = (file for file in files if file.path != metadata.PATH)
    kept = sorted_files((*others, File(metadata.PATH, text)))
    try:
        body = pack(kept)
    except Unfit as error:
        raise translated(error) from error
    lists = metadata.lists(asset)
    return Bundle(
        name=identity.name,
        given=identity.given,
        version=identity.version,
        type=identity.kind.lock,
        description=lists.description,
        clients=lists.clients,
        dependencies=lists.dependencies,
        files=kept,
        metadata=text,
        body=body,
        sha256=digest(body),
        findings=tuple(_renamed(identity, asset.get("name"))),
    )


def _renamed(identity: Identity, stated: object) -> Iterator[Finding]:
    others = {str(name) for name in (identity.given, stated) if name} - {identity.name}
    for other in sorted(others):
        what = f"the name {shown(other)!r} is kept as {identity.name}, in the zip as well"
        mend = f'write name = "{identity.name}"'
        yield Finding("name-slugged", "warning", identity.name, metadata.PATH, 0, what, mend)
