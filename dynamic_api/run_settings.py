"""The section [runs] of the settings: where scripts run, and what each may use."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from dynamic_api.sections import Section

MIB = 1024 * 1024


class Runs(Section, frozen=True):
    """[runs]: scripts in the sandbox."""

    backend: Literal["auto", "bubblewrap", "e2b", "none"] = "auto"
    """`auto` is bubblewrap where it works; without it scripts are refused, and `/readyz` stays good."""
    allow_no_cgroup: bool = False
    """Whether to run where no control groups can be made: Python and sh only, totals not bounded."""
    user: str = ""
    """Whom runs belong to when the API was started as root; default: nobody."""
    store: str | None = None
    """Folder of the sandbox; default: in the data directory, for root /var/lib/skillpress-sandbox."""
    e2b_api_key: str | None = None
    """Key of the service E2B."""
    e2b_template: str = "base"
    """Its template that machines are made from."""
    e2b_api_url: str | None = None
    """Another address than the service's own, for tests and other installations."""
    e2b_sandbox_url: str | None = None
    """… and that of its machines."""
    network: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Slug of a published skill → `host:port`s that its scripts may reach. Nobody else has a network."""
    network_allow_hosts: tuple[str, ...] = ()
    """`host:port`s of the operator's own network that may be on such a list; all others must be public."""
    network_bytes: int = 64 * MIB
    """Traffic of a run, both ways together."""
    wall_seconds: float = 300.0
    """How long a script may run in a session of 5 minutes."""
    long_wall_seconds: float = 1800.0
    """… and in one of 30 minutes."""
    cpu_seconds: int = 60
    """Processor time of each process, in a session of 5 minutes."""
    long_cpu_seconds: int = 600
    """… and in one of 30 minutes."""
    cores: float = 1.0
    """Processors' worth of time for all processes of a run together."""
    memory_bytes: int = 256 * MIB
    """Memory of a run."""
    processes: int = 64
    """Processes and threads of a run."""
    open_files: int = 256
    """Files that a process may have open."""
    file_bytes: int = 64 * MIB
    """The largest file that a script may write."""
    disk_bytes: int = 64 * MIB
    """All files of a session together; they are in memory."""
    output_bytes: int = 8 * MIB
    """What a script may print before it is ended."""
    shown_bytes: int = 64 * 1024
    """How much of each stream the answer shows; the rest is a file of the session."""
    argument_bytes: int = MIB
    """All arguments together."""
    stdin_bytes: int = 16 * MIB
    """Standard input."""
    body_bytes: int = 24 * MIB
    """The largest JSON body of a run."""
    input_bytes: int = 16 * MIB
    """The largest input file."""
    sessions: int = 100
    """Sessions that one process keeps."""
    sessions_per_account: int = 5
    """… and of one account."""
    concurrent: int = 4
    """Scripts that one process runs at the same time."""
    concurrent_per_account: int = 2
    """… and of one account."""
    queue: int = 64
    """Runs that wait for their turn; one more is refused."""
    queue_per_account: int = 8
    """… and of one account."""
    queue_seconds: float = 30.0
    """How long a run waits for its turn."""
    lease_seconds: float = 30.0
    """How long a run that nobody hears of keeps its credits; then they are given back."""
    keep_days: int = 365
    """How long the record of a run or session is kept; the ledger keeps what it cost."""
    sweep_seconds: float = 1.0
    """How often sessions and leases are looked through."""
