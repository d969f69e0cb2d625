"""From the bytes that somebody sends to a version that can be kept: read, checked, packed, scanned.

Pure but for the time it takes: callers run it in a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from dynamic_api.errors import Inside, Invalid, TooLarge, Unprocessable
from dynamic_api.scan import Advisories, Report, scan
from dynamic_api.scan.report import Finding as ScanFinding
from dynamic_api.services.private_skills import Facts, NewVersion
from dynamic_api.settings import Uploads
from dynamic_api.sx.derived import flaw
from dynamic_api.sx.metadata import PATH
from registry_builder.core.artifact import Limits, pack, read, unwrap
from registry_builder.core.errors import BadArchive, Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File, Folder, git_tree
from registry_builder.core.frontmatter import read_front_matter
from registry_builder.core.rules import Policy, check_folder, name_problem
from registry_builder.core.skill import Skill

PROMPT = "SKILL.md"
UPLOAD, IMPORT = "upload", "import"
MOST_FINDINGS = 50
_LENIENT = Policy(preset="lenient")
_TOO_LARGE = frozenset({"zip-too-big", "zip-unpacked-too-big", "zip-too-many-files"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A version and the canonical zip of its files; `scripts` and `others` count those."""

    version: NewVersion
    artifact: bytes
    scripts: int
    others: int


def read_zip(data: bytes, filename: str | None, limits: Uploads, advisories: Advisories | None) -> Reading:
    """The skill in the zip `data`. Raises Invalid, TooLarge, Unprocessable with all that is wrong."""
    try:
        files = unwrap(
            read(
                data,
                Limits(
                    archive_bytes=limits.zip_bytes, unpacked_bytes=limits.unpacked_bytes, files=limits.files
                ),
            )
        )
    except BadArchive as error:
        kind = TooLarge if error.code in _TOO_LARGE else Unprocessable
        raise kind(
            error.code,
            error.message,
            place=Inside(error.place) if error.place else "file",
            mend=error.mend or "zip the folder anew with plain tools",
        ) from error
    folder = _folder(files, filename)
    skill, findings = check_folder(folder, _LENIENT)
    return take(folder, skill, findings, limits, advisories)


def take(
    folder: Folder,
    skill: Skill | None,
    findings: tuple[Finding, ...],
    limits: Uploads,
    advisories: Advisories | None,
    *,
    origin: str = UPLOAD,
    github_url: str | None = None,
) -> Reading:
    """`folder` as a version, once it was checked. Raises Unprocessable for errors or a refused grade."""
    if skill is None:
        raise _unfit(findings)
    try:
        artifact = pack(folder.files)
    except Unfit as error:
        raise Unprocessable(error.code, error.message, place=Inside(error.place), mend=error.mend) from error
    report = scan(folder, advisories)
    require_grade(report, limits, "file" if origin == UPLOAD else "skillSlug")
    version = NewVersion(
        slug=skill.name,
        type=skill.type,
        name=skill.title,
        description=skill.description,
        tags=skill.tags,
        sha256=hashlib.sha256(artifact).hexdigest(),
        size=len(artifact),
        files=len(folder.files),
        scripts=skill.scripts,
        facts=Facts(skill.execution_tier, skill.required_env, skill.licence, skill.author, skill.homepage),
        grade=report.grade,
        findings=msgspec.json.encode([*_of_metadata(skill, folder), *report.findings][:MOST_FINDINGS]),
        origin=origin,
        github_url=github_url,
    )
    return Reading(version, artifact, len(skill.scripts), len(folder.files) - len(skill.scripts) - 1)


def _of_metadata(skill: Skill, folder: Folder) -> Iterator[ScanFinding]:
    """What sx would refuse in the folder's own metadata.toml is told, and no part of the grade."""
    if error := flaw(skill, folder.files):
        what = f"{error.message}, so that the bundle for sx is made without this file"
        yield ScanFinding(error.code, "low", PATH, 0, what, error.mend)


def _folder(files: tuple[File, ...], filename: str | None) -> Folder:
    if not files:
        raise Unprocessable("empty-archive", "the zip holds no file", place="file", mend="add SKILL.md")
    name = _name(files, filename)
    return Folder(name, name, git_tree(files), files, ())


def _name(files: tuple[File, ...], filename: str | None) -> str:
    """The name in the front matter, good or bad: the check judges it. Without one, that of the zip."""
    prompt = next((file for file in files if file.path == PROMPT), None)
    front, _ = read_front_matter(prompt.data) if prompt else (None, ())
    said = front.fields.get("name") if front else None
    if isinstance(said, str) and said:
        return said
    stem = (filename or "skill").rpartition("/")[2].rpartition(".")[0].lower() or "skill"
    return stem if not name_problem(stem) else "skill"


def _unfit(findings: tuple[Finding, ...]) -> Invalid:
    errors = [finding for finding in findings if finding.level == "error"][:MOST_FINDINGS]
    first = errors[0]
    rows = [
        {
            "code": item.rule,
            "place": f"{item.path}:{item.line}" if item.line else item.path,
            "message": item.message,
            "mend": item.mend,
        }
        for item in errors
    ]
    return Unprocessable(
        "invalid_skill",
        f"{first.message}" + (f", and {len(errors) - 1} more" if len(errors) > 1 else ""),
        place=Inside(rows[0]["place"]),
        mend=first.mend or "skillpress check names every problem",
        extra={"problems": rows},
    )


def require_grade(report: Report, limits: Uploads, place: str = "file") -> None:
    """Raise Unprocessable for a grade that the settings refuse."""
    worst = limits.refuse_grade
    if worst != "never" and report.grade >= worst:
        raise Unprocessable(
            "scan_refused",
            f"the scan graded this {report.grade}; {worst} and worse are not taken here",
            place=place,
            mend="mend what the scan found",
            extra={"findings": [msgspec.to_builtins(item) for item in report.findings[:MOST_FINDINGS]]},
        )
