"""Download URLs that we sign and verify ourselves: HMAC-SHA256 over key, holder, expiry and file name."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from dynamic_api.errors import Forbidden
from dynamic_api.private_store.base import GOOD_FOR
from registry_builder.core.errors import Misuse

SECRET_BYTES = 32
ROUTE = "/api/v1/downloads/private/"
_PURPOSE = b"skillpress download v1"
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}")
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class Link(NamedTuple):
    """What a link says: until when, in seconds of Unix time, as which file, and on whose behalf."""

    expires: str
    filename: str
    holder: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for the API at `base_url`. The first of `secrets` signs, all of them verify: they can rotate."""

    base_url: str
    secrets: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.secrets or any(len(secret) < SECRET_BYTES for secret in self.secrets):
            mend = "make one: openssl rand -hex 32"
            raise Misuse("weak-secret", f"a signing secret has fewer than {SECRET_BYTES} bytes", mend=mend)

    def sign(self, key: str, link: Link) -> str:
        """The signature of `link` to `key`."""
        return _mac(self.secrets[0], key, *link)

    def check(self, key: str, link: Link, signature: str, now: datetime) -> None:
        """Raise Forbidden unless we signed exactly this and its time has not come.

        A signature for longer than GOOD_FOR was never ours to give.
        """
        found = [hmac.compare_digest(_mac(secret, key, *link), _ascii(signature)) for secret in self.secrets]
        if not _EXPIRES.fullmatch(link.expires) or not any(found):
            raise Forbidden("bad_signature", "this download link is not ours", mend="ask for a new one")
        left = int(link.expires) - now.timestamp()
        if left <= 0 or left > GOOD_FOR.total_seconds() + 60:
            raise Forbidden("link_expired", "this download link has expired", mend="ask for a new one")

    def url(self, key: str, holder: str, filename: str, now: datetime, good_for: timedelta = GOOD_FOR) -> str:
        """The signed URL of `key` for `holder`, which anybody may use."""
        link = Link(str(int((now + good_for).timestamp())), filename, holder)
        query = {**link._asdict(), "signature": self.sign(key, link)}
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
