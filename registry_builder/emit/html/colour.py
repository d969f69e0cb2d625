"""Syntax colour for the fences of a text: spans with a few class names, for the languages that skills use.

Source: Pygments' token types. Languages are an allow-list: some of its 500 lexers are slow on hostile input.
"""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape

LARGEST = 8_192
"""The most characters of a fence that get colour."""
LANGUAGES = frozenset(
    (
        "bash", "c", "cpp", "csharp", "css", "diff", "dockerfile", "go", "graphql", "html", "ini",
        "javascript", "js", "json", "kotlin", "lua", "makefile", "php", "powershell", "py", "python", "rb",
        "ruby", "rust", "scss", "sh", "shell", "sql", "swift", "toml", "ts", "tsx", "typescript", "xml",
        "yaml", "yml",
    )
)  # fmt: skip

# Lexers go over a long line or a long gap again from each of its characters: seconds for 8 kB.
_SLOW = re.compile(r"[^\n]{301}|(?:[ \t\r\f\v]*\n){9}")
_CLASSES = {
    "Token.Comment": "tc",
    "Token.Keyword": "tk",
    "Token.Literal.String": "ts",
    "Token.Literal.Number": "tn",
    "Token.Name.Function": "tf",
    "Token.Name.Class": "tf",
    "Token.Name.Builtin": "tb",
    "Token.Name.Tag": "tk",
    "Token.Name.Attribute": "tb",
    "Token.Name.Variable": "tb",
    "Token.Generic.Inserted": "ti",
    "Token.Generic.Deleted": "td",
    "Token.Generic.Heading": "tc",
    "Token.Generic.Subheading": "tc",
}


@lru_cache(maxsize=4_096)
def coloured(language: str, text: str) -> Markup:
    """`text` as HTML; plain when it is too long or slow, or in a language that is not on the list."""
    if language.lower() not in LANGUAGES or len(text) > LARGEST or _SLOW.search(text):
        return escape(text)
    from pygments.lexers import get_lexer_by_name

    lexer = get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    runs: list[tuple[str, str]] = []
    for kind, value in lexer.get_tokens(text):
        name = _class_of(str(kind))
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + value)
        else:
            runs.append((name, value))
    return Markup("").join(_span(name, value) for name, value in runs)


def _span(name: str, value: str) -> Markup:
    return Markup('<span class="{}">{}</span>').format(name, value) if name else escape(value)


@lru_cache(maxsize=512)
def _class_of(kind: str) -> str:
    while "." in kind:
        if kind in _CLASSES:
            return _CLASSES[kind]
        kind = kind.rpartition(".")[0]
    return ""
