"""Private keys: made, read from files and from texts, and put to use. Their bytes appear in no message."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets

from registry_builder.core.errors import Misuse
from registry_builder.trust.metadata import keyids_of, threshold_of

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Private keys by key id. Which role a key serves says the public metadata, not the name of its file."""

    signers: Mapping[str, CryptoSigner] = field(default_factory=dict, repr=False)

    def plus(self, other: Keyring) -> Keyring:
        """With those of `other`."""
        return Keyring({**self.signers, **other.signers})

    def demand(self, delegator: Root | Targets, role: str) -> None:
        """Raises Misuse when there are too few keys to sign for `role` as `delegator` wants it."""
        listed, threshold = keyids_of(delegator, role), threshold_of(delegator, role)
        have = sum(keyid in self.signers for keyid in listed)
        if have < threshold:
            raise Misuse(
                "too-few-keys",
                f"{have} of the {len(listed)} private keys of {role} are here, and {threshold} have to sign",
                place=role,
                mend="add them with --key FILE or --key-env NAME",
            )

    def sign(self, metadata: Metadata[Any], keyids: Iterable[str]) -> bytes:
        """`metadata` signed by each of `keyids` that is here, as the bytes to publish."""
        metadata.signatures.clear()
        for keyid in dict.fromkeys(keyids):
            if keyid in self.signers:
                metadata.sign(self.signers[keyid], append=True)
        return metadata.to_bytes()


def generate(count: int) -> list[CryptoSigner]:
    """`count` new Ed25519 keys."""
    return [CryptoSigner.generate_ed25519() for _ in range(count)]


def ring_of(signers: Iterable[CryptoSigner]) -> Keyring:
    """A keyring of `signers`."""
    return Keyring({signer.public_key.keyid: signer for signer in signers})


def read_text(text: str, place: str) -> Keyring:
    """The PEM blocks in `text`: one key or several. Raises Misuse, which never quotes the text."""
    blocks = [match[0] for match in _BLOCK.finditer(text)]
    if not blocks:
        raise Misuse("bad-key", "holds no private key", place=place, mend="give PEM, unencrypted PKCS #8")
    return ring_of(_signer(block, place) for block in blocks)


def read_file(path: Path) -> Keyring:
    """The keys in one file. Raises Misuse when others may read it."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misuse("open-key", "others may read this private key", place=str(path), mend="chmod 600 it")
    return read_text(path.read_bytes().decode("ascii", "replace"), str(path))


def read_folder(folder: Path) -> Keyring:
    """The keys in every .pem file below `folder`, which need not be there."""
    ring = Keyring()
    for path in sorted(folder.rglob("*.pem")):
        ring = ring.plus(read_file(path))
    return ring


def write_key(path: Path, signer: CryptoSigner) -> None:
    """Write a private key that only its owner can read. Raises FileExistsError rather than overwrite."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as target:
        os.fchmod(target.fileno(), 0o600)
        target.write(signer.private_bytes)
        target.flush()
        os.fsync(target.fileno())


def _signer(block: str, place: str) -> CryptoSigner:
    try:
        key = load_pem_private_key(block.encode("ascii"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's own words could quote what it read.
        raise Misuse(
            "bad-key", "a private key in it cannot be read", place=place, mend="give PEM, unencrypted PKCS #8"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Misuse(
            "bad-key", "a private key in it is not Ed25519", place=place, mend="skillpress keys init"
        )
    return CryptoSigner(key)
