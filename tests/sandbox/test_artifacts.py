"""What is run is what was published, whatever happens to the zip afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sandbox_room import Room

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.artifacts import forget, unpack
from dynamic_api.sandbox.base import Job
from registry_builder.core.artifact import pack
from registry_builder.core.errors import BadArchive
from registry_builder.core.folder import File

FILES = (File("SKILL.md", b"x"), File("scripts/a.py", b"print('published')"), File("scripts/b.sh", b"", True))
ZIP = pack(FILES)
SHA256 = hashlib.sha256(ZIP).hexdigest()


def test_unpacked_skill_runs_though_its_zip_is_changed(room: Room) -> None:
    skills = room.folder / "store" / "skills"
    folder = unpack(skills, ZIP, SHA256)
    with pytest.raises(Unavailable, match="not those that were published"):
        unpack(skills, ZIP.replace(b"published", b"forged!!!"), SHA256)
    assert unpack(skills, ZIP, SHA256) == folder
    assert room.run(Job(folder, "a.py")).stdout.text() == "published\n"


def test_unpacked_files_are_read_only_and_keep_their_bit(tmp_path: Path) -> None:
    folder = unpack(tmp_path, ZIP, SHA256)
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes == {"SKILL.md": 0o444, "scripts": 0o755, "scripts/a.py": 0o444, "scripts/b.sh": 0o555}
    assert [path.name for path in tmp_path.iterdir()] == [SHA256]
    forget(tmp_path, SHA256)
    forget(tmp_path, SHA256)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_zip_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        unpack(tmp_path, b"no zip", hashlib.sha256(b"no zip").hexdigest())
    assert list(tmp_path.iterdir()) == []
