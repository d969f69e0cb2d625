"""The bucket as the loader reads it: the pointer, the digest tree, and bytes checked by their digest."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from registry_builder.core.errors import Foreign, Missing
from registry_builder.core.key import digest, node_key
from registry_builder.core.ledger import Document, decode_document
from registry_builder.core.tree import Bin, Pointer, Root, bin_of, decode_pointer
from registry_builder.store.base import Reader

POINTER_KEY = "release.json"
_MEND = "the last good view stays; run `skillpress publish --reconcile`, or look at the mirror"
T = TypeVar("T")


def read_pointer(reader: Reader) -> Pointer:
    """release.json. Raises Missing, Foreign; Trouble when the store does not answer."""
    try:
        return decode_pointer(reader.get(POINTER_KEY))
    except msgspec.MsgspecError as error:
        raise Foreign("bad-pointer", f"not a release: {error}", place=POINTER_KEY, mend=_MEND) from error
    except Missing as error:
        raise Missing("no-release", "there is no release", place=POINTER_KEY, mend=_MEND) from error


def read_root(reader: Reader, sha256: str) -> Root:
    """A root node. Raises Missing, Foreign."""
    return _node(reader, sha256, Root)


def read_bin(reader: Reader, label: str, sha256: str) -> Bin:
    """The bin `label`. Raises Missing, Foreign; the latter also when a name does not belong there."""
    found = _node(reader, sha256, Bin)
    for name in found.names:
        if bin_of(name) != label:
            raise Foreign("bad-node", f"{name} is not of bin {label}", place=node_key(sha256), mend=_MEND)
    return found


def read_document(reader: Reader, sha256: str) -> Document:
    """A ledger document. Raises Missing, Foreign."""
    body = _node_bytes(reader, sha256)
    try:
        return decode_document(body)
    except msgspec.MsgspecError as error:
        raise _bad(sha256, f"not a ledger document: {error}") from error


def read_exactly(reader: Reader, key: str, sha256: str) -> bytes | None:
    """The bytes at `key` if they have this digest; None while they do not, or are not there."""
    try:
        body = reader.get(key)
    except Missing:
        return None
    return body if digest(body) == sha256 else None


def _node(reader: Reader, sha256: str, form: type[T]) -> T:
    body = _node_bytes(reader, sha256)
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.MsgspecError as error:
        raise _bad(sha256, f"not a node: {error}") from error


def _node_bytes(reader: Reader, sha256: str) -> bytes:
    try:
        body = reader.get(node_key(sha256))
    except Missing as error:
        message = "the release needs it, and it is gone"
        raise Missing("no-node", message, place=node_key(sha256), mend=_MEND) from error
    if digest(body) != sha256:
        raise _bad(sha256, "its bytes do not have the digest in its name")
    return body


def _bad(sha256: str, message: str) -> Foreign:
    return Foreign("bad-node", message, place=node_key(sha256), mend=_MEND)
