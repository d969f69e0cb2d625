"""Rules about what can be run."""

from __future__ import annotations

from collections.abc import Iterator

from registry_builder.core.folder import Folder
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import rule
from registry_builder.core.rules.text import line_of
from registry_builder.core.shown import shown

RULES = (
    rule(
        "exec-without-shebang",
        "An executable file has no `#!` line",
        "warning",
        "off",
        why="Run by its path it fails, or is run by the wrong shell.",
        mend=("begin the file with a line such as #!/usr/bin/env python3, or remove the executable bit"),
    ),
    rule(
        "shebang-crlf",
        "The `#!` line ends with CRLF",
        "warning",
        "warning",
        why="The system then looks for an interpreter whose name ends with a carriage return.",
        mend="use LF line ends",
        mechanical=True,
    ),
)

# What systems run without a shebang: ELF, Mach-O, PE, WebAssembly.
_BINARIES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ", b"\0asm")


def check_scripts(folder: Folder) -> Iterator[Problem]:
    """Executable files and `#!` lines."""
    for file in folder.files:
        if file.data.startswith(b"#!"):
            first = file.data[:1024].partition(b"\n")[0]
            if first.endswith(b"\r"):
                message = f"the #! line of {shown(file.path)} ends with CRLF"
                yield Problem("shebang-crlf", line_of(file.data, 0), message, path=file.path)
        elif file.executable and not file.data.startswith(_BINARIES):
            yield Problem(
                "exec-without-shebang", 1, f"{shown(file.path)} is executable without #!", path=file.path
            )
