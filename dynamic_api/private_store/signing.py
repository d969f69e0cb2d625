"""Download URLs that we sign and verify ourselves: HMAC-SHA256 over key, expiry and file name."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from dynamic_api.errors import Forbidden
from dynamic_api.private_store.base import GOOD_FOR
from registry_builder.core.errors import Misuse

SECRET_BYTES = 32
ROUTE = "/api/v1/downloads/private/"
_PURPOSE = b"skillpress download v1"
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}")
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for the API at `base_url`. The first of `secrets` signs, all of them verify: they can rotate."""

    base_url: str
    secrets: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.secrets or any(len(secret) < SECRET_BYTES for secret in self.secrets):
            mend = "make one: openssl rand -hex 32"
            raise Misuse("weak-secret", f"a signing secret has fewer than {SECRET_BYTES} bytes", mend=mend)

    def sign(self, key: str, expires: int, filename: str) -> str:
        """The signature: `key` may be had as `filename` until `expires`, in seconds of Unix time."""
        return _mac(self.secrets[0], key, str(expires), filename)

    def check(self, key: str, expires: str, filename: str, signature: str, now: datetime) -> None:
        """Raise Forbidden unless we signed exactly this and its time has not come.

        A signature for longer than GOOD_FOR was never ours to give.
        """
        found = [
            hmac.compare_digest(_mac(secret, key, expires, filename), _ascii(signature))
            for secret in self.secrets
        ]
        if not _EXPIRES.fullmatch(expires) or not any(found):
            raise Forbidden("bad_signature", "this download link is not ours", mend="ask for a new one")
        left = int(expires) - now.timestamp()
        if left <= 0 or left > GOOD_FOR.total_seconds() + 60:
            raise Forbidden("link_expired", "this download link has expired", mend="ask for a new one")

    def url(self, key: str, filename: str, now: datetime, good_for: timedelta = GOOD_FOR) -> str:
        """The signed URL of `key`."""
        expires = int((now + good_for).timestamp())
        query = {
            "expires": str(expires),
            "filename": filename,
            "signature": self.sign(key, expires, filename),
        }
        return f"{self.base_url.rstrip('/')}{ROUTE}{quote(key, safe='')}?{urlencode(query)}"


def disposition(filename: str) -> str:
    """The Content-Disposition that saves as `filename`. Source: RFC 6266, 4.3 and appendix D."""
    plain = _PLAIN.sub("_", filename) or "download"
    if plain == filename:
        return f'attachment; filename="{plain}"'
    encoded = quote(filename.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _mac(secret: bytes, *fields: str) -> str:
    """Each field with its length before it, so that no two lists of fields sign alike."""
    raw = [field.encode("utf-8", "surrogatepass") for field in fields]
    message = b"".join([_PURPOSE, *(len(part).to_bytes(4, "big") + part for part in raw)])
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def _ascii(signature: str) -> str:
    return signature if signature.isascii() else ""
