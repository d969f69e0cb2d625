"""Text from outside, made fit to be printed: no control characters, no lone surrogates, not endless."""

from __future__ import annotations


def shown(text: str, limit: int = 120) -> str:
    """`text` in one printable line: what cannot be printed is escaped, what is long is cut."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
