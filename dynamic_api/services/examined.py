"""What is done in the process aside: what others wrote is read, checked and scanned."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from dynamic_api.scan import Advisories, load_osv, scan
from dynamic_api.services import asset_scan, reading
from dynamic_api.services.asset_uploads import Scanned
from dynamic_api.services.reading import Reading
from dynamic_api.settings import Uploads
from dynamic_api.sx.bundle import Bundle
from registry_builder.core.artifact import OWN, read
from registry_builder.core.errors import BadArchive
from registry_builder.core.finding import Finding
from registry_builder.core.folder import Folder, git_tree
from registry_builder.core.skill import Skill


def upload(data: bytes, filename: str | None, limits: Uploads) -> Reading:
    """The skill in the zip `data`. Raises as `reading.read_zip` does."""
    return reading.read_zip(data, filename, limits, _advisories(limits.osv_folder))


def folder(
    found: Folder, skill: Skill | None, findings: tuple[Finding, ...], limits: Uploads, github_url: str
) -> Reading:
    """A folder of GitHub as a version. Raises as `reading.take` does."""
    advisories = _advisories(limits.osv_folder)
    return reading.take(
        found, skill, findings, limits, advisories, origin=reading.IMPORT, github_url=github_url
    )


def bundle(body: Bundle, limits: Uploads) -> Scanned:
    """What the scan says of a bundle of sx. Raises as `asset_scan.scanned` does."""
    return asset_scan.scanned(body, limits, _advisories(limits.osv_folder))


def grade(slug: str, artifact: bytes, limits: Uploads) -> str | None:
    """The grade of a published artifact; None for what is none."""
    try:
        files = read(artifact, OWN)
    except BadArchive:
        return None
    return scan(Folder(slug, slug, git_tree(files), files, ()), _advisories(limits.osv_folder)).grade


@cache
def _advisories(osv_folder: str | None) -> Advisories | None:
    return load_osv(Path(osv_folder)) if osv_folder else None
