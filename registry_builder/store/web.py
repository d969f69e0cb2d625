"""A published bucket over HTTP: reads keys, cannot list them."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

from registry_builder.core.errors import Missing, Trouble
from registry_builder.store.base import Listed

TIMEOUT_SECONDS = 60
LARGEST = 512 * 2**20


class WebReader:
    """The bucket whose keys hang below `base_url`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    def get(self, key: str) -> bytes:
        url = f"{self.base_url}/{quote(key, safe='/@:~!$&()*+,;=')}"
        request = urllib.request.Request(url, headers={"Cache-Control": "no-cache"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                body: bytes = answer.read(LARGEST + 1)
        except urllib.error.HTTPError as error:
            if error.code in {403, 404, 410}:
                raise Missing("no-key", f"HTTP {error.code}", place=key) from error
            raise Trouble("http-error", f"HTTP {error.code}", place=url, mend="try again later") from error
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(
                "no-answer", str(error), place=url, mend="look at the address and the network"
            ) from error
        if len(body) > LARGEST:
            raise Trouble("too-large", f"more than {LARGEST} bytes", place=url)
        return body

    def list(self, prefix: str = "") -> Iterator[Listed]:
        raise Trouble("no-listing", "a web server does not list its keys", place=self.base_url)
