"""Secrets that must be read again, sealed: AES-256-GCM, each with a nonce of its own, bound to its use.

A sealed value is: one byte for the format, eight that name the key, twelve of nonce, the ciphertext with its
tag. What it is for goes in as associated data, so that a row that is moved to another owner does not open.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from registry_builder.core.errors import Misuse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SHORTEST = 32
"""Characters of a secret that a key is made from."""
_FORMAT = b"\x01"
_NAME_BYTES, _NONCE_BYTES = 8, 12
_HEAD = len(_FORMAT) + _NAME_BYTES + _NONCE_BYTES


class Unopened(Exception):  # noqa: N818 - named by what happened
    """Sealed by a key that is not here, or not for this, or altered."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: bytes
    cipher: AESGCM = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of an installation: the first seals, each opens."""

    _texts: tuple[str, ...] = field(repr=False)

    def seal(self, plain: bytes, about: str) -> bytes:
        """`plain`, to be opened with the same `about` only."""
        key, nonce = _derived(self._texts[0]), secrets.token_bytes(_NONCE_BYTES)
        head = _FORMAT + key.name + nonce
        return head + key.cipher.encrypt(nonce, plain, _bound(head, about))

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed. Raises Unopened."""
        from cryptography.exceptions import InvalidTag

        head, rest = sealed[:_HEAD], sealed[_HEAD:]
        name, nonce = head[1 : 1 + _NAME_BYTES], head[1 + _NAME_BYTES :]
        key = next((key for key in map(_derived, self._texts) if key.name == name), None)
        if key is None or head[:1] != _FORMAT or len(nonce) != _NONCE_BYTES:
            raise Unopened("no key here opens it")
        try:
            return key.cipher.decrypt(nonce, rest, _bound(head, about))
        except InvalidTag as error:
            raise Unopened("it was altered, or it is for something else") from error

    @property
    def stamp(self) -> bytes:
        """How everything begins that the first key sealed."""
        return _FORMAT + _derived(self._texts[0]).name


def keyring(given: Sequence[str], secret: str) -> Keyring:
    """Keys made from `given`, newest first, and from `secret` last. Raises Misuse for a short one."""
    for text in given:
        if len(text) < SHORTEST:
            mend = f"give at least {SHORTEST} characters, from a random source"
            raise Misuse("weak-secret", "a key is too short", place="credentials.keys", mend=mend)
    return Keyring(tuple(dict.fromkeys((*given, secret))))


@cache
def _derived(secret: str) -> _Key:
    """A key that says nothing about `secret`, nor about what else is derived from it (RFC 5869)."""
    # Loaded by whoever seals something: it takes 7 MB.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    made = HKDF(SHA256(), 32 + _NAME_BYTES, salt=None, info=b"skillpress sealing 1").derive(secret.encode())
    return _Key(made[32:], AESGCM(made[:32]))


def _bound(head: bytes, about: str) -> bytes:
    return head + about.encode()
