"""Documents of the bucket that change, as they were published; read again when the bucket has changed."""

from __future__ import annotations

import asyncio

from dynamic_api.errors import Absent, Unavailable
from dynamic_api.services.published import Published
from registry_builder.core.errors import Missing, Refusal
from registry_builder.store.base import Reader

KEPT = 64


class RegistryDocuments:
    """The bucket by key, remembered as long as the local view says that nothing is new."""

    def __init__(self, registry: Reader, published: Published) -> None:
        self._registry = registry
        self._published = published
        self._known: tuple[object, dict[str, bytes]] = (None, {})

    async def body(self, key: str) -> bytes:
        """The document. Raises Absent, Unavailable."""
        stamp, (known, bodies) = self._published.stamp, self._known
        if stamp != known or len(bodies) >= KEPT:
            bodies = {}
            self._known = (stamp, bodies)
        if stamp is None or key not in bodies:
            bodies[key] = await asyncio.to_thread(self._read, key)
        return bodies[key]

    def _read(self, key: str) -> bytes:
        try:
            return self._registry.get(key)
        except Missing as error:
            raise Absent("not_found", f"the registry has no {key}") from error
        except Refusal as error:
            raise Unavailable(
                "registry_unavailable", "the registry cannot be read now", mend="try again later"
            ) from error
