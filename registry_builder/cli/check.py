"""`skillpress check`: every problem of every asset in one run."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from registry_builder.cli import clients as judged
from registry_builder.cli import findings as shown
from registry_builder.cli.options import (
    Progress,
    content_option,
    echo_json,
    finding_row,
    json_option,
    opened,
    preset_option,
    settings_at,
    settings_rev_option,
)
from registry_builder.core.compatibility import offered, verdicts
from registry_builder.core.errors import Missing, Misuse, Trouble
from registry_builder.core.finding import Finding
from registry_builder.core.folder import Folder
from registry_builder.core.rules import apply_fixes, check_folder, check_names
from registry_builder.own_files import ADVISORIES, COLLECTIONS, check_own_files, read_own_files
from registry_builder.settings import ROOTS, Flags, Settings
from registry_builder.source import open_source
from registry_builder.worktree import read_folders


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was looked at, and what was found."""

    assets: tuple[judged.Asset, ...]
    findings: tuple[Finding, ...]


@click.command()
@content_option
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--rev", help="The commit to check; HEAD when neither this nor --worktree is given.")
@settings_rev_option
@click.option("--worktree", is_flag=True, help="Check the files on disk instead of a commit.")
@preset_option
@json_option
@click.option(
    "--format", "form", type=click.Choice(["text", "github"]), default="text", help="Form of the report."
)
@click.option("--clients", is_flag=True, help="Tell what each client makes of each asset, and why.")
@click.option("--fix", is_flag=True, help="Apply the mends that are mechanical, on disk; implies --worktree.")
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
def check(
    content: Path,
    names: tuple[str, ...],
    rev: str | None,
    settings_rev: str | None,
    worktree: bool,
    preset: str | None,
    as_json: bool,
    form: str,
    clients: bool,
    fix: bool,
    strict: bool,
) -> int:
    """Check assets (all, or those named) against the rules in docs/rules.md."""
    if rev is not None and (worktree or fix):
        raise Misuse("rev-or-worktree", "--rev cannot go with --worktree or --fix", mend="choose one")
    if settings_rev is not None and (worktree or fix):
        mend = "give --rev as well, or leave it out"
        raise Misuse("settings-rev", "--settings-rev cannot go with --worktree or --fix", mend=mend)
    if clients and form == "github":
        raise Misuse("clients-or-github", "annotations have no place for --clients", mend="choose one")
    flags = Flags(preset=preset)
    if worktree or fix:
        checkup = _on_disk(content, names, flags, fix=fix)
    else:
        checkup = _in_commit(content, names, flags, rev or "HEAD", settings_rev)
    if as_json:
        _print(checkup, clients=clients)
    else:
        _show(checkup, form, clients=clients)
    levels = {item.level for item in checkup.findings}
    return 1 if "error" in levels or (strict and levels) else 0


def _in_commit(
    content: Path, names: Sequence[str], flags: Flags, rev: str, settings_rev: str | None
) -> Checkup:
    progress = Progress()
    with opened(content, rev, flags, settings_rev) as (source, commit, settings):
        listings = source.listings(commit, settings.roots)
        between = _between(
            settings,
            [(item.name, item.path) for item in listings.values()],
            [source.own_file(commit, name) for name in (COLLECTIONS, ADVISORIES)],
        )
        _refuse_unknown(names, {item.name for item in listings.values()})
        wanted = [item for item in listings.values() if not names or item.name in names]
        checkup = _all(source.folders(wanted), settings, progress)
    progress.end()
    return Checkup(checkup.assets, _only(names, [*between, *checkup.findings]))


def _on_disk(content: Path, names: Sequence[str], flags: Flags, *, fix: bool) -> Checkup:
    with open_source(content) as source:
        if source.repository.bare:
            raise Misuse("bare", "a bare repository has no files on disk", mend="leave --worktree out")
        top = Path(str(source.repository.working_tree_dir))
        base = top / source.prefix
        if not any((base / name).exists() for name in (*ROOTS.values(), "registry.toml")):
            base = base / "content" if (base / "content").is_dir() else base
        settings = settings_at(_bytes(base / "registry.toml"), source, flags)
    prefix = base.resolve().relative_to(top.resolve()).as_posix()
    folders = read_folders(base, settings.roots, "" if prefix == "." else f"{prefix}/")
    own = [_bytes(base / name) for name in (COLLECTIONS, ADVISORIES)]
    between = _between(settings, [(folder.name, folder.path) for folder in folders], own)
    _refuse_unknown(names, {folder.name for folder in folders})
    wanted = [folder for folder in folders if not names or folder.name in names]
    fixed = [_fix(folder, settings, top) for folder in wanted] if fix else []
    if any(fixed):
        return _on_disk(content, names, flags, fix=False)
    checkup = _all(wanted, settings, Progress())
    return Checkup(checkup.assets, _only(names, [*between, *checkup.findings]))


def _fix(folder: Folder, settings: Settings, top: Path) -> bool:
    _, found = check_folder(folder, settings.policy)
    fixes = apply_fixes(folder, found)
    for path, body in fixes.items():
        place = top / folder.path / path
        try:
            place.write_bytes(body)
        except OSError as error:
            raise Trouble("no-permission", error.strerror or str(error), place=str(place)) from error
        click.echo(f"fixed {folder.path}/{path}", err=True)
    return bool(fixes)


def _bytes(place: Path) -> bytes | None:
    return place.read_bytes() if place.is_file() else None


def _between(settings: Settings, paths: list[tuple[str, str]], own: Sequence[bytes | None]) -> list[Finding]:
    names = {name for name, _ in paths}
    return [
        *check_names(paths, settings.policy),
        *check_own_files(read_own_files(own[0], own[1]), names, frozenset()),
    ]


def _all(folders: Iterable[Folder], settings: Settings, progress: Progress) -> Checkup:
    served = offered(settings.emitters)
    assets: list[judged.Asset] = []
    findings: list[Finding] = []
    for folder in folders:
        skill, found = check_folder(folder, settings.policy)
        words = verdicts(skill, folder.files, served) if skill else None
        assets.append(judged.Asset(folder.name, folder.type, folder.path, words))
        findings += found
        progress.tick("checked")
    return Checkup(tuple(assets), tuple(findings))


def _only(names: Sequence[str], findings: list[Finding]) -> tuple[Finding, ...]:
    kept = [item for item in findings if not names or item.name in names]
    return tuple(sorted(kept, key=lambda item: (item.path, item.line, item.rule, item.message)))


def _refuse_unknown(names: Sequence[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise Missing("no-skill", f"no asset {name}", mend=f"did you mean {near[0]}?" if near else "")


def _print(checkup: Checkup, *, clients: bool) -> None:
    errors, warnings = _counts(checkup)
    report: dict[str, object] = {"checked": len(checkup.assets), "errors": errors, "warnings": warnings}
    if clients:
        report["assets"] = [judged.asset_row(item) for item in checkup.assets]
    echo_json(report | {"findings": [finding_row(item) for item in checkup.findings]})


def _show(checkup: Checkup, form: str, *, clients: bool) -> None:
    if form == "github":
        shown.annotate(checkup.findings)
        return
    shown.show(checkup.findings)
    if clients:
        judged.show(checkup.assets)
    errors, warnings = _counts(checkup)
    found = f"{shown.count(errors, 'error')}, {shown.count(warnings, 'warning')}"
    click.echo(f"{shown.count(len(checkup.assets), 'asset')} checked: {found}")


def _counts(checkup: Checkup) -> tuple[int, int]:
    errors = sum(item.level == "error" for item in checkup.findings)
    return errors, len(checkup.findings) - errors
