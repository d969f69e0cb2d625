"""Zips as people send them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from tests.content_repo import skill_text


def zipped(files: Mapping[str, str | bytes], prefix: str = "") -> bytes:
    """A zip of `files`, below a top folder if `prefix` says so."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in files.items():
            archive.writestr(f"{prefix}{path}", body)
    return buffer.getvalue()


def skill_zip(name: str, text: str = "Do the work.", *, script: bool = False, prefix: str = "") -> bytes:
    """The zip of one skill."""
    files = {"SKILL.md": skill_text(name, text)}
    if script:
        files["scripts/run.py"] = "print('run')\n"
    return zipped(files, prefix)
