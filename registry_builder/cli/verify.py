"""`skillpress verify`: is the bucket what it says, and is it what Git says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

import click

from registry_builder import BUILDER
from registry_builder.cli.findings import count, printable
from registry_builder.cli.options import Progress, echo_json, json_option, opened, settings_at
from registry_builder.cli.publishing import flags_of, release_options
from registry_builder.cli.trusting import Trust, trust_options
from registry_builder.core.errors import Busy, Missing, Refusal
from registry_builder.previous import read_pointer, read_revoked
from registry_builder.publish import in_force
from registry_builder.settings import Flags, Settings
from registry_builder.source import Commit, Source
from registry_builder.spool import Spool
from registry_builder.store.base import Reader
from registry_builder.store.filesystem import FilesystemStore
from registry_builder.store.target import open_reader, open_store
from registry_builder.store.web import WebReader
from registry_builder.verify.bucket import Verifier
from registry_builder.verify.missing_flags import missing_flags
from registry_builder.verify.rebuild import Kept, Rebuild
from registry_builder.verify.report import Fault, Report

_SHOWN = 40


@click.command()
@click.argument("store", metavar="STORE|URL|DIR")
@click.option(
    "--rebuild",
    "repo",
    metavar="REPO",
    type=click.Path(path_type=Path),
    help="Also compare with this Git repository, and build the release again from it.",
)
@trust_options
@click.option("--sample", type=click.IntRange(1), help="Look at only so many keys.")
@click.option("--strict", is_flag=True, help="Notes and what cannot be proven fail as well.")
@release_options
@json_option
def verify(
    store: str,
    repo: Path | None,
    trust: Path | None,
    state: Path | None,
    sample: int | None,
    strict: bool,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    as_json: bool,
) -> int:
    """Prove that a registry holds what it says, and with --rebuild that it says what Git does.

    Reads a folder, s3://bucket/prefix, or any web server that serves the files; nothing is written. Every
    key is compared with the digest tree, every reference followed. --rebuild takes the flags of the build.
    Exit code 0: everything holds, 1: something does not, 3: something could not be looked at.
    """
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    look = Look(store, flags, repo, sample, trust=Trust(trust, state), strict=strict)
    with _reading(store) as reader, Spool() as spool:
        remote = not isinstance(reader, FilesystemStore)
        look.run(Kept(reader, spool) if remote and repo else reader, getattr(reader, "parallel", 1))
    return look.say_json() if as_json else look.say()


@contextmanager
def _reading(address: str) -> Iterator[Reader]:
    """The reader at `address`; a folder is not entered, because that is for who writes it."""
    if address.startswith("s3:"):
        with open_store(address) as store:
            yield store
        return
    reader = open_reader(address)
    with closing(reader) if isinstance(reader, WebReader) else nullcontext():
        yield reader


@dataclass(slots=True)
class Look:
    """One call of the command."""

    target: str
    flags: Flags
    repo: Path | None
    sample: int | None
    trust: Trust = field(default_factory=Trust, kw_only=True)
    strict: bool = field(kw_only=True)
    report: Report = field(default_factory=Report)
    head: str = ""
    release: dict[str, object] = field(default_factory=dict)
    signatures: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    def run(self, reader: Reader, parallel: int) -> None:
        """Look at everything that was asked for. Raises Missing, Foreign, Trouble."""
        started, progress = monotonic(), Progress()
        verifier = Verifier(
            reader=reader,
            base_url=self.flags.base_url,
            sample=self.sample,
            parallel=parallel,
            tick=progress.tick,
            report=self.report,
        )
        try:
            verifier.run()
            self.signatures = self.trust.look(reader, self.target, self.report)
            if self.sample is None and not isinstance(getattr(reader, "reader", reader), WebReader):
                for key in verifier.unpinned():
                    self.report.note("unpinned", key, "is there, and the release does not pin it")
            if self.repo:
                verifier.forget()
                self._rebuild(verifier, self.repo, progress)
        finally:
            progress.end()
        pointer = verifier.pointer
        if self.report.faults and read_pointer(getattr(reader, "reader", reader)) != pointer:
            why = "a release was published while this one was looked at"
            raise Busy("overtaken", why, place=self.target, mend="run again")
        self.release = {"generation": pointer.generation, "commit": pointer.commit, "state": pointer.state}
        self.release |= {"root": pointer.readable_root, "base_url": verifier.base_url}
        self.head = f"generation {pointer.generation} of {pointer.commit[:12]}"
        self.seconds = monotonic() - started

    def _rebuild(self, verifier: Verifier, repo: Path, progress: Progress) -> None:
        reader, pointer = verifier.reader, verifier.pointer
        try:
            with opened(repo, pointer.commit, self.flags) as (source, commit, settings):
                rebuild = Rebuild(
                    reader, source, commit, settings, self.report, progress.tick, verifier.git_trees
                )
                rebuild.rows(verifier.documents())
                if not self.report.sound_ledger:
                    why = "its ledger has to be sound first: mend what is above, then look again"
                    self.report.note("not-rebuilt", "release.json", why)
                elif self._comparable(verifier, source, commit, settings):
                    rebuild.release()
        except Missing as error:
            if error.code != "no-rev":
                raise
            self.report.fault("not-rebuilt", "release.json", f"Git has no commit {pointer.commit}")

    def _comparable(self, verifier: Verifier, source: Source, commit: Commit, settings: Settings) -> bool:
        """Whether the release can be built again here; if not, says why."""
        pointer = verifier.pointer
        if not pointer.complete:
            why = "is open: the release before it was compared row by row, and not built again"
            self.report.note("not-rebuilt", "release.json", why)
            return False
        revoked = read_revoked(verifier.reader)
        if pointer.builder != BUILDER:
            why = f"was made by {pointer.builder}, and this is {BUILDER}"
        elif pointer.settings != in_force(settings, revoked):

            def fits(flags: Flags) -> bool:
                registry = source.own_file(commit, "registry.toml")
                try:
                    return in_force(settings_at(registry, source, flags), revoked) == pointer.settings
                except Refusal:
                    return False

            words = missing_flags(verifier.reader, verifier.base_url, self.flags, fits)
            why = f"was made with other settings, or revoked.json was another: {words}"
        else:
            return True
        self.report.fault("not-rebuilt", "release.json", why)
        return False

    def say_json(self) -> int:
        """Print the report as one document; gives the exit code."""
        code = self.report.exit_code(strict=self.strict)
        echo_json(
            {
                "ok": code == 0,
                **self.release,
                "signatures": self.signatures,
                "checked": dict(self.report.checked),
                "faults": _rows(self.report.faults),
                "notes": _rows(self.report.notes),
                "unprovable": _rows(self.report.unprovable),
                "unread": _rows(self.report.unread),
                "withheld": self.report.withheld,
                "seconds": round(self.seconds, 3),
            }
        )
        return code

    def say(self) -> int:
        """Print what was found; gives the exit code."""
        report = self.report
        groups = (
            ("fault", report.faults),
            ("unread", report.unread),
            ("unprovable", report.unprovable),
            ("note", report.notes),
        )
        for title, found in groups:
            for item in found[:_SHOWN]:
                click.echo(printable(f"{title}: {item.key}: {item.message} [{item.kind}]"))
            if len(found) > _SHOWN:
                click.echo(f"{title}: and {len(found) - _SHOWN:,} more; --json has them all")
        click.echo(f"signatures: {self.signatures['message']}")
        checked = report.checked
        parts = [
            f"{checked[what]:,} {what}"
            for what in ("keys", "references", "versions", "rows", "keys rebuilt")
            if checked[what]
        ]
        parts += [f"{len(report.withheld)} withheld"] if report.withheld else []
        code = report.exit_code(strict=self.strict)
        verdict = {0: "everything holds", 3: f"{count(len(report.unread), 'key')} could not be read"}.get(
            code, count(len(report.faults), "fault")
        )
        if code == 1 and not report.faults:
            verdict = f"{count(len(report.notes) + len(report.unprovable), 'note')}, and --strict"
        click.echo(f"{self.target}: {self.head}: {', '.join(parts)} in {self.seconds:.1f} s: {verdict}")
        return code


def _rows(found: Sequence[Fault]) -> list[dict[str, str]]:
    return [asdict(item) for item in found]
