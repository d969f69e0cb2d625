"""Private bytes: by digest, in a folder or a bucket that is never the published one."""

from __future__ import annotations

from dynamic_api.private_store.base import ELSEWHERE_SECONDS, GOOD_FOR, PrivateStore, absent
from dynamic_api.private_store.bundle import Bundle, Part, bundle, keep
from dynamic_api.private_store.signing import Link, Signer, disposition
from dynamic_api.private_store.target import open_private_store

__all__ = [
    "ELSEWHERE_SECONDS",
    "GOOD_FOR",
    "Bundle",
    "Link",
    "Part",
    "PrivateStore",
    "Signer",
    "absent",
    "bundle",
    "disposition",
    "keep",
    "open_private_store",
]
