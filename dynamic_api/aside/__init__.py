"""Work that would hold the interpreter, in a process of its own, so that the event loop goes on answering."""

from __future__ import annotations

from dynamic_api.aside.process import Aside

__all__ = ["Aside"]
