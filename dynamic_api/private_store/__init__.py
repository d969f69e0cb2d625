"""Private bytes: by digest, in a folder or a bucket that is never the published one."""

from __future__ import annotations

from dynamic_api.private_store.base import GOOD_FOR, PrivateStore
from dynamic_api.private_store.bundle import Bundle, Part, bundle, keep
from dynamic_api.private_store.signing import Signer, disposition
from dynamic_api.private_store.target import open_private_store

__all__ = [
    "GOOD_FOR",
    "Bundle",
    "Part",
    "PrivateStore",
    "Signer",
    "bundle",
    "disposition",
    "keep",
    "open_private_store",
]
