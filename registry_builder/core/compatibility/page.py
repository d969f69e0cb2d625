"""The page of compatibility in the documentation, made from the tables."""

from __future__ import annotations

from registry_builder.core.compatibility.rules import RULES, Rule
from registry_builder.core.compatibility.verdict import CLIENTS, Client

_HEAD = """\
# Compatibility

What each client makes of each asset. `skillpress check --clients` says it of your assets, and the page and
`api/v1/index/<name>.json` of each name repeat it. Generated from the tables by `make docs`; a test compares.

- `works`: all of it arrives, as it is in Git.
- `field-ignored`: it arrives, and something in it has no effect or is missing.
- `truncated`: a text is cut where the client lists it.
- `refused`: the client does not install it, or is not offered it.

A client that no emitter in `[emit]` serves gets no verdict. Every rule says where its effect was measured;
what nobody measured has no rule.

## Clients

| client | what it is | emitter | types |
|---|---|---|---|
"""
_RULES = """
An asset of another type is `refused`, by the rule `unknown-type`: it is not listed for that client.

## Rules
"""


def compatibility_page() -> str:
    """The whole page, in Markdown."""
    return "".join([_HEAD, *map(_row, CLIENTS), _RULES, *map(_entry, RULES)])


def _row(client: Client) -> str:
    emitter = f"`{client.emitter}`" if client.emitter else "always"
    return f"| `{client.id}` | {client.title} | {emitter} | {', '.join(client.types)} |\n"


def _entry(rule: Rule) -> str:
    clients = ", ".join(f"`{client}`" for client in sorted(rule.clients))
    return (
        f"\n### {rule.id}\n\n{rule.title}. **{clients}: {rule.word}.**\n\n"
        f"Mend: {rule.mend}. Measured: {rule.measured}.\n"
    )
