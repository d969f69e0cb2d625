"""A registry that is signed, changed, attacked and looked at, at times that the test chooses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from registry_builder.core.errors import Trouble
from registry_builder.store.memory import MemoryStore
from registry_builder.trust import ceremony
from registry_builder.trust.check import TrustReport, check_trust
from registry_builder.trust.keyring import Keyring, read_folder
from registry_builder.trust.sign import Authority, Signed, sign

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class CountingStore(MemoryStore):
    """Writes down what is written, and dies at the write number `dies_at`."""

    def __init__(self, objects: dict[str, bytes], dies_at: int | None = None) -> None:
        super().__init__(exclusive=False)
        self.objects = objects
        self.dies_at = dies_at
        self.puts: list[str] = []
        self.reads = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return super().get(key)

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        if len(self.puts) == self.dies_at:
            raise Trouble("killed", "the test ends here", place=key)
        self.puts.append(key)
        return super().put(key, body, expect=expect)


class RacingStore(MemoryStore):
    """Somebody else writes `other` just before the timestamp is swapped."""

    def __init__(self, objects: dict[str, bytes], other: dict[str, bytes]) -> None:
        super().__init__(exclusive=False)
        self.objects = objects
        self.other = other

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        if key == "tuf/timestamp.json":
            self.objects.update(self.other)
        return super().put(key, body, expect=expect)


@dataclass(slots=True)
class Signatures:
    """A folder of keys, a bucket, the root that its clients got, and what one of them remembers."""

    folder: Path
    store: MemoryStore
    trusted: bytes
    state: Path
    generations: Sequence[dict[str, bytes]]
    now: datetime = NOW
    hidden: set[str] = field(default_factory=set)

    def ring(self) -> Keyring:
        """The private keys but those in `hidden`."""
        ring = read_folder(self.folder / "private")
        return Keyring({keyid: key for keyid, key in ring.signers.items() if keyid not in self.hidden})

    def authority(self) -> Authority:
        return Authority(ceremony.load(self.folder), self.ring())

    def sign(self, *, renew: bool = False, store: MemoryStore | None = None) -> Signed:
        return sign(store or self.store, self.authority(), self.now, renew=renew)

    def release_second(self) -> None:
        """Publish the second generation, unsigned."""
        self.store.objects.update(self.generations[1])

    def rotate(self, role: str, **how: int | str) -> None:
        ceremony.rotate(self.folder, self.ring(), ceremony.Rotation(role=role, **how), self.now)  # type: ignore[arg-type]

    def check(self, *, state: bool = True, store: MemoryStore | None = None) -> TrustReport:
        return check_trust(store or self.store, self.trusted, self.now, self.state if state else None)

    def refusals(self, *, state: bool = True) -> list[tuple[str, str]]:
        """(kind, key) of everything that a client refuses."""
        return [(fault.kind, fault.key) for fault in self.check(state=state).faults]

    def root(self, generation: int) -> str:
        """The root node of a generation, 1 or 2."""
        found: str = json.loads(self.generations[generation - 1]["release.json"])["root"]
        return found

    def signed_keys(self) -> set[str]:
        """What the bucket holds of signatures."""
        return {key.removeprefix("tuf/") for key in self.store.objects if key.startswith("tuf/")}


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""

    def log_error(self, *args: object) -> None:
        """Say nothing: a client asks for the next root until there is none."""
