"""What is taken off an upload, and what is not."""

from __future__ import annotations

import pytest

from registry_builder.core.artifact import unwrap
from registry_builder.core.folder import File


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["top/SKILL.md", "top/a/b"], ["SKILL.md", "a/b"]),
        (["top/inner/SKILL.md"], ["inner/SKILL.md"]),
        (["top/SKILL.md", "__MACOSX/top/._SKILL.md", ".DS_Store", "top/.DS_Store"], ["SKILL.md"]),
        (["SKILL.md", "__MACOSX/._SKILL.md"], ["SKILL.md"]),
        (["SKILL.md", "a/b"], ["SKILL.md", "a/b"]),
        (["a/b", "c/d"], ["a/b", "c/d"]),
        (["top/a", "top"], ["top/a", "top"]),
        (["x/__MACOSX/a", "x/my.DS_Store"], ["__MACOSX/a", "my.DS_Store"]),
        (["__MACOSX", "SKILL.md"], ["__MACOSX", "SKILL.md"]),
        (["a"], ["a"]),
        ([".DS_Store"], []),
        ([], []),
    ],
)
def test_unwrap(paths: list[str], expected: list[str]) -> None:
    found = unwrap(File(path, path.encode(), executable=True) for path in paths)
    assert [file.path for file in found] == expected
    assert all(file.executable and file.data.decode().endswith(file.path) for file in found)
