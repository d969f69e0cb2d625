"""Published bytes by digest, the small ones remembered: they never change."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict

from dynamic_api.errors import Absent, Unavailable, Upstream
from registry_builder.core.errors import Missing, Refusal
from registry_builder.core.key import download_key
from registry_builder.store.base import Reader

KEPT_BYTES = 24 * 1024 * 1024
MOST_BYTES = 256 * 1024
"""Bytes of a body that is remembered, at the most."""


class PublicBytes:
    """Reads artifacts out of the bucket and checks their digest."""

    def __init__(self, registry: Reader) -> None:
        self._registry = registry
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def remembered(self, sha256: str) -> bytes | None:
        """The bytes, if they are at hand."""
        body = self._kept.get(sha256)
        if body is not None:
            self._kept.move_to_end(sha256)
        return body

    async def body(self, slug: str, sha256: str) -> bytes:
        """The bytes. Raises Absent, Upstream, Unavailable."""
        body = self.remembered(sha256)
        if body is None:
            body = await asyncio.to_thread(self.read, slug, sha256)
            self._keep(sha256, body)
        return body

    def read(self, slug: str, sha256: str) -> bytes:
        """The bytes out of the bucket, for a thread. Raises Absent, Upstream, Unavailable."""
        try:
            body = self._registry.get(download_key(slug, sha256))
        except Missing as error:
            raise Absent("artifact_not_found", "the registry does not have these bytes") from error
        except Refusal as error:
            raise Unavailable(
                "registry_unavailable", "the registry cannot be read now", mend="try again later"
            ) from error
        if hashlib.sha256(body).hexdigest() != sha256:
            raise Upstream(
                "damaged_artifact",
                "what the registry holds under this digest has another",
                mend="tell the operator: skillpress verify names it",
            )
        return body

    def _keep(self, sha256: str, body: bytes) -> None:
        if len(body) > MOST_BYTES or sha256 in self._kept:
            return
        self._kept[sha256] = body
        self._size += len(body)
        while self._size > KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)
