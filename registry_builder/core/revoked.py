"""revoked.json: digests that must never be served again, whatever a release or a commit says.

Append-only. Source: DESIGN.md D14.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from registry_builder.core.errors import Foreign
from registry_builder.core.ledger import encode

REVOKED_KEY = "revoked.json"


class Revocation(Struct, frozen=True, kw_only=True):
    """One artifact digest: why, since when (RFC 3339), and the rows that had it, as "name@version"."""

    sha256: str
    reason: str
    time: str
    rows: tuple[str, ...]


class Revoked(Struct, frozen=True, kw_only=True):
    """The whole file."""

    schema: int = 1
    revoked: tuple[Revocation, ...] = ()

    @property
    def reasons(self) -> Mapping[str, str]:
        """Artifact digest → reason."""
        return {item.sha256: item.reason for item in self.revoked}

    def about(self, name: str) -> tuple[Revocation, ...]:
        """The revocations that hit a version of `name`."""
        return tuple(item for item in self.revoked if any(row.split("@")[0] == name for row in item.rows))

    def plus(self, revocation: Revocation) -> Revoked:
        """With one more; a digest that is there keeps its entry, and gains rows."""
        old = next((item for item in self.revoked if item.sha256 == revocation.sha256), None)
        if old is None:
            return Revoked(revoked=(*self.revoked, revocation))
        rows = tuple(dict.fromkeys((*old.rows, *revocation.rows)))
        more = msgspec.structs.replace(old, rows=rows)
        return Revoked(revoked=tuple(more if item is old else item for item in self.revoked))


def decode_revoked(body: bytes) -> Revoked:
    """revoked.json. Raises Foreign when it is not in our form: nothing may be published past it."""
    try:
        return msgspec.json.decode(body, type=Revoked)
    except msgspec.MsgspecError as error:
        mend = "restore it from a back-up; nothing is published until then"
        raise Foreign(
            "bad-revoked", f"not a list of revocations: {error}", place=REVOKED_KEY, mend=mend
        ) from error


def encode_revoked(revoked: Revoked) -> bytes:
    """The bytes of revoked.json."""
    return encode(revoked)
