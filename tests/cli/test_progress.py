"""Progress on a terminal: counts and bytes; nothing where there is none."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from time import monotonic

from registry_builder.cli.options import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_sees_counts_and_bytes() -> None:
    terminal, ends = Terminal(), monotonic() + 5
    with redirect_stderr(terminal):
        progress = Progress()
        while "written" not in terminal.getvalue() and monotonic() < ends:
            progress.tick("read")
            progress.tick("written", 1_500_000)
        progress.end()
    shown = terminal.getvalue()
    assert " read, " in shown
    assert " written (" in shown
    assert " MB)" in shown
    assert shown.endswith("\r\033[K")


def test_pipe_sees_nothing() -> None:
    pipe = io.StringIO()
    with redirect_stderr(pipe):
        progress = Progress()
        progress.tick("written", 5)
        progress.end()
    assert pipe.getvalue() == ""
