"""Sections of the settings that concern what happens beside a call: events, credentials, telemetry."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys are refused."""


class Webhooks(Section, frozen=True):
    """[webhooks]: how events are delivered."""

    timeout_seconds: float = 5.0
    """A slower receiver has failed."""
    retries: int = 0
    """Further tries after a failed one; the reference makes none."""
    backoff_seconds: float = 30.0
    """Wait before the first further try; doubled for each."""
    allow_hosts: tuple[str, ...] = ()
    """`host:port` that may be private, loopback or plain HTTP, for tests and receivers inside the house."""
    ports: tuple[Annotated[int, Meta(ge=1, le=65535)], ...] = (443, 8443)
    """Ports of other hosts that events are sent to; empty: any."""
    per_account: int = 20
    """Subscriptions that an account may hold."""
    at_once: int = 16
    """Deliveries that one process has under way."""
    poll_seconds: float = 1.0
    """How often a process looks for deliveries that are due."""
    log_days: int = 30
    """How long a finished delivery stays in the log."""


class Credentials(Section, frozen=True):
    """[credentials]: values that runs get as variables of their environment, kept sealed."""

    keys: tuple[str, ...] = ()
    """Secrets of at least 32 characters. The first seals; the others, and `data.secret`, still open."""
    per_account: int = 100
    """Credentials that an account may hold."""
    value_bytes: int = 8192
    """The longest value."""


class Telemetry(Section, frozen=True):
    """[telemetry]: what clients report."""

    enabled: bool = True
    """False: events are answered and thrown away."""
    retention_days: int = 90
    """How long an event is kept."""
    flush_seconds: float = 0.5
    """How long an event may wait in memory; a crash loses no more than that."""
    waiting: int = 10_000
    """Events that may wait in memory; beyond that they are refused."""
