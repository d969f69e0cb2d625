"""What the catalogue tells of a published name: plain values, decoded from the local file."""

from __future__ import annotations

from msgspec import Struct

PUBLIC = "public"
BUNDLE = "bundle"
"""The type of a name that is a collection."""


class SxBundle(Struct, frozen=True, array_like=True):
    """The bundle that sx gets of a version, and what its lock repeats of it."""

    sha256: str
    size: int
    clients: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


class Version(Struct, frozen=True, array_like=True):
    """One minted version. `time` is RFC 3339; `reason` says why it is yanked or quarantined."""

    ordinal: int
    label: str | None
    state: str
    sha256: str
    size: int
    time: str
    files: int
    bytes: int
    reason: str | None = None
    sx: SxBundle | None = None


class Skill(Struct, frozen=True, array_like=True):
    """A published name. `version` is the ordinal that is offered, or the newest when nothing is.

    `download` is the version that clients get, None when nothing is offered. `versions` are all, oldest
    first. `owner` is the registry's word for who answers for it, never an account.
    """

    id: str
    slug: str
    type: str
    state: str
    name: str
    description: str
    tags: tuple[str, ...]
    licence: str | None
    author: str | None
    homepage: str | None
    github_url: str | None
    owner: str | None
    replacement: str | None
    version: int
    download: Version | None
    versions: tuple[Version, ...]
    has_scripts: bool
    execution_tier: str | None
    required_env: tuple[str, ...]
    credit_cost_per_use: int
    json: bytes
    """The skill as route 2 and lists of skills show it: a JSON object, ready to be joined."""
    manifest: bool = False
    """Whether the folder has a plugin manifest of its own."""

    @property
    def category(self) -> str:
        """What is in the bucket is public (contracts/content.md)."""
        return PUBLIC

    @property
    def offered(self) -> bool:
        """Whether clients get it."""
        return self.download is not None

    def at(self, ordinal: int) -> Version | None:
        """Its version with this number."""
        return next((item for item in self.versions if item.ordinal == ordinal), None)


class Answer(Struct, frozen=True, array_like=True):
    """A body ready to be sent, and its strong entity tag with the quotes; whether anything is offered."""

    body: bytes
    etag: str
    offered: bool = True


class Holder(Struct, frozen=True, array_like=True):
    """Which version some bytes belong to: as its artifact, or as its `derived` bundle ("sx").

    `artifact` is the digest of the artifact in both cases; revocations name that one.
    """

    slug: str
    ordinal: int
    state: str
    sha256: str
    size: int
    artifact: str
    derived: str | None = None


class Collection(Struct, frozen=True, array_like=True):
    """A collection of the registry; `members` are the slugs that it offers, sorted."""

    name: str
    title: str
    description: str
    members: tuple[str, ...]
