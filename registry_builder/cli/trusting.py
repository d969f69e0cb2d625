"""What `verify` says of signatures: proven from a root that was given, or only whether there are any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from registry_builder.core.key import digest
from registry_builder.store.base import Reader
from registry_builder.verify.report import Report

F = TypeVar("F", bound=Callable[..., Any])


def trust_options(function: F) -> F:
    """The trusted root, and where to remember what was seen."""
    root = click.option(
        "--trust",
        metavar="ROOT.JSON",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Also follow the signatures from this root, which the registry's owner handed out.",
    )
    state = click.option(
        "--state",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where --trust remembers what it saw, so that nothing goes back; else in your own settings.",
    )
    return root(state(function))


@dataclass(frozen=True, slots=True)
class Trust:
    """What the options say."""

    root: Path | None = None
    state: Path | None = None

    def look(self, reader: Reader, target: str, report: Report) -> dict[str, object]:
        """Add what is wrong with the signatures to `report`; gives what to say of them."""
        from registry_builder.trust.check import check_trust, how_signed

        if self.root is None:
            return {"checked": False, "message": how_signed(reader)}
        trusted = self.root.read_bytes()
        found = check_trust(reader, trusted, datetime.now(UTC), self.state or _memory(target, trusted))
        for fault in found.faults:
            report.fault(fault.kind, fault.key, fault.message)
        report.checked["signatures"] += len(found.versions)
        until = found.until.strftime("%Y-%m-%dT%H:%M:%SZ") if found.until else None
        message = f"hold until {until}" if not found.faults else "do not hold"
        about = {"root": found.root, "versions": dict(found.versions), "until": until}
        return {"checked": True, "message": message, **about}


def _memory(target: str, trusted: bytes) -> Path:
    """A folder of this person for one address and one root: a copy may be behind, and is no attack."""
    name = digest(target.encode() + b"\0" + trusted)[:32]
    return Path(click.get_app_dir("skillpress")) / "trust" / name
