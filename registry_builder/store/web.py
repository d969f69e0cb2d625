"""A published bucket over HTTP: reads keys, cannot list them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import urllib3
from urllib3.util import Retry, Timeout

from registry_builder.core.errors import Missing, Trouble
from registry_builder.store.base import Listed

LARGEST = 256 * 2**20
_ABSENT = frozenset((403, 404, 410))
_RETRY = Retry(
    total=4,
    backoff_factor=0.5,
    backoff_jitter=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
)


class WebReader:
    """The bucket whose keys hang below `base_url`. Threads may share it."""

    parallel = 16

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._pool = urllib3.PoolManager(
            maxsize=self.parallel, retries=_RETRY, timeout=Timeout(connect=10, read=60)
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def get(self, key: str) -> bytes:
        url = f"{self.base_url}/{quote(key, safe='/@:~!$&()*+,;=', errors='surrogatepass')}"
        try:
            # Caches between us and the bucket may answer from memory: they are asked to look.
            answer = self._pool.request(
                "GET", url, headers={"Cache-Control": "no-cache"}, preload_content=False
            )
            try:
                body: bytes = answer.read(LARGEST + 1)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            mend = "look at the address and the network"
            raise Trouble("no-answer", _reason(error), place=url, mend=mend) from error
        if answer.status in _ABSENT:
            raise Missing("no-key", f"HTTP {answer.status}", place=key)
        if answer.status != 200:
            raise Trouble("http-error", f"HTTP {answer.status}", place=url, mend="try again later")
        if len(body) > LARGEST:
            raise Trouble("too-large", f"more than {LARGEST:,} bytes", place=url)
        return body

    def list(self, prefix: str = "") -> Iterator[Listed]:
        raise Trouble("no-listing", "a web server does not list its keys", place=self.base_url)


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)
    return str(inner or error)
