"""Keys of the bucket: their class, content type and cache header, all decided by the key alone.

Source: DESIGN.md D5 and section 5.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum


class KeyClass(StrEnum):
    """How a key may change, which decides when it is written and how long it is cached.

    IMMUTABLE carries the digest of its own bytes. FROZEN carries a version whose digest the ledger records.
    PAYLOAD is a mutable name with installable bytes. INDEX is computed from the ledger. POINTER is swapped.
    """

    IMMUTABLE = "immutable"
    FROZEN = "frozen"
    PAYLOAD = "payload"
    INDEX = "index"
    POINTER = "pointer"


CACHE_CONTROL = {
    KeyClass.IMMUTABLE: "public, max-age=31536000, immutable",
    KeyClass.FROZEN: "public, max-age=31536000, immutable",
    KeyClass.PAYLOAD: "no-cache",
    KeyClass.INDEX: "public, max-age=60",
    KeyClass.POINTER: "public, max-age=5",
}

TIMESTAMP_KEY = "tuf/timestamp.json"
"""There when a registry is signed, and swapped with each signature."""

_CLASS = re.compile(
    r"(?P<immutable>r/[0-9a-f]{64}|api/v1/downloads/public/[^/]+/[0-9a-f]{64}\.zip|t/[^/]+/[0-9a-f]{64}\.tgz"
    r"|static/[0-9a-f]{64}[^/]*|git/[^/]+\.git/objects/pack/pack-[0-9a-f]{40}\.(?:pack|idx))"
    r"|(?P<frozen>api/skills/assets/[^/]+/[0-9]+/[^/]+|tuf/[0-9]+\.[^/]+)"
    r"|(?P<pointer>release\.json|revoked\.json|tuf/timestamp\.json)"
    r"|(?P<payload>\.well-known/skills/[^/]+/.+|clawhub/[^/]+/api/v1/download|copilot/[^/]+\.zip|git/.+)"
)
_BY_NAME: dict[str | None, KeyClass] = {item.value: item for item in KeyClass}
_TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "lock": "application/toml",
    "md": "text/markdown; charset=utf-8",
    "profiles": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tgz": "application/gzip",
    "toml": "application/toml",
    "txt": "text/plain; charset=utf-8",
    "xml": "application/xml",
    "zip": "application/zip",
}
_JSON = re.compile(
    r"r/[0-9a-f]{64}|api/v1/skills/[^/]+|api/search|npm/@[^/]+/[^/]+|clawhub/[^/]+/api/v1/(?!download$).+"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a release: sha256, size, class, content type. Its body goes to the sink."""

    key: str
    sha256: str
    size: int

    @property
    def key_class(self) -> KeyClass:
        return classify(self.key)

    @property
    def content_type(self) -> str:
        return content_type(self.key)


def classify(key: str) -> KeyClass:
    """The class of `key`; what matches nothing else is an index."""
    match = _CLASS.fullmatch(key)
    return _BY_NAME[match.lastgroup] if match else KeyClass.INDEX


def content_type(key: str) -> str:
    """The media type of `key`. Files out of skills are served as plain bytes, never as HTML."""
    if key.startswith("clawhub/") and key.endswith("/api/v1/download"):
        return "application/zip"
    if _JSON.fullmatch(key):
        return "application/json"
    if key.rpartition("/")[2] == "feed.json" and classify(key) is KeyClass.INDEX:
        return "application/feed+json"
    if classify(key) is KeyClass.PAYLOAD and not key.startswith("copilot/"):
        return "text/plain; charset=utf-8" if key.endswith((".md", ".txt")) else "application/octet-stream"
    return _TYPES.get(key.rsplit("/", 1)[-1].rpartition(".")[2], "application/octet-stream")


def download_key(name: str, sha256: str) -> str:
    """Where the zip with this digest lives: the reference API's own URL (DESIGN.md D4)."""
    return f"api/v1/downloads/public/{name}/{sha256}.zip"


def tarball_key(name: str, sha256: str) -> str:
    """Where npm's tarball with this digest lives."""
    return f"t/{name}/{sha256}.tgz"


def node_key(sha256: str) -> str:
    """Where the node of the digest tree with this digest lives."""
    return f"r/{sha256}"


def digest(body: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of `body`."""
    return hashlib.sha256(body).hexdigest()
