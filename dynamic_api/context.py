"""Everything that a call may use, made once by `app.py`.

`registry` reads the bucket itself; `catalogue` is the local view of it,
`published` its records, remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamic_api.aside import Aside
from dynamic_api.catalogue import Catalogue
from dynamic_api.database.engine import Database
from dynamic_api.limiter import Limiter
from dynamic_api.memory.leaderboard import Leaderboard
from dynamic_api.memory.locks import Locks
from dynamic_api.memory.memo import Memo
from dynamic_api.memory.public_bytes import PublicBytes
from dynamic_api.memory.registry_documents import RegistryDocuments
from dynamic_api.memory.remembered import Remembered
from dynamic_api.memory.serial import Serial
from dynamic_api.metrics import Metrics
from dynamic_api.outbound import Outbound
from dynamic_api.outbound.github import GitHub
from dynamic_api.outbound.sources import Sources
from dynamic_api.private_store import PrivateStore, Signer
from dynamic_api.runs.runs import Runs
from dynamic_api.sealing import Keyring
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.settings import Settings
from dynamic_api.tasks.accesses import Accesses
from dynamic_api.tasks.inbox import Inbox
from dynamic_api.tasks.usage import Usage
from registry_builder.store.base import Reader

if TYPE_CHECKING:
    from dynamic_api.oidc.provider import Provider

CALLERS_KEPT = 10_000


@dataclass(slots=True)
class Context:
    """The parts of one process. `clock` gives the present in milliseconds."""

    settings: Settings
    database: Database
    registry: Reader
    catalogue: Catalogue
    published: Published
    remembered: Remembered
    limiter: Limiter
    metrics: Metrics
    clock: Callable[[], int]
    public_url: str
    secret: str
    keys: Keyring
    """They seal what must be read again: credentials, and secrets of webhooks."""
    webhook_client: Outbound
    github: GitHub
    sources: Sources
    private_store: PrivateStore
    signer: Signer
    public_bytes: PublicBytes
    documents: RegistryDocuments
    aside: Aside
    """Reads and scans what others wrote, in a process of its own."""
    inbox: Inbox
    leaderboard: Leaderboard
    locks: Locks
    accesses: Accesses
    callers_serial: Serial
    """Raised when a known caller may have changed, not by what callers do."""
    usage: Usage
    oidc: Provider | None
    """Where people may sign in, beside a key."""
    runs: Runs = field(init=False)
    """Made of the other parts, right after them."""
    probes: dict[str, Callable[[], str]] = field(default_factory=dict)
    """Parts that `/readyz` names: each says "ok …", or what is wrong."""
    callers: Memo[str, Caller] = field(default_factory=lambda: Memo(CALLERS_KEPT))
    """Whose a key is."""
