"""The scan of an uploaded bundle. Pure but for the time it takes: callers run it in a thread."""

from __future__ import annotations

import msgspec

from dynamic_api.scan import Advisories, scan
from dynamic_api.services.asset_uploads import Scanned
from dynamic_api.services.reading import MOST_FINDINGS, require_grade
from dynamic_api.settings import Uploads
from dynamic_api.sx.bundle import Bundle
from registry_builder.core.folder import Folder, git_tree


def scanned(bundle: Bundle, limits: Uploads, advisories: Advisories | None) -> Scanned:
    """What the scan says. Raises Unprocessable for a grade that is refused."""
    folder = Folder(bundle.name, bundle.name, git_tree(bundle.files), bundle.files, ())
    report = scan(folder, advisories)
    require_grade(report, limits)
    return Scanned(report.grade, msgspec.json.encode(report.findings[:MOST_FINDINGS]))
