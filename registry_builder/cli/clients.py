"""What each client makes of each asset, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import click

from registry_builder.cli.findings import SHOWN, count, printable
from registry_builder.core.compatibility import WORDS, WORKS, Reason, Verdict

_COLOURS = dict(zip(WORDS, ("green", "yellow", "yellow", "red"), strict=True))


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset and its verdicts; None when its errors keep it out of the registry."""

    name: str
    type: str
    path: str
    verdicts: tuple[Verdict, ...] | None


def asset_row(asset: Asset) -> dict[str, object]:
    """An asset as `--json` prints it; `clients` maps a client to its verdict and the reasons."""
    clients = None
    if asset.verdicts is not None:
        clients = {item.client: {"verdict": item.word, "reasons": _reasons(item)} for item in asset.verdicts}
    return {"name": asset.name, "type": asset.type, "path": asset.path, "clients": clients}


def show(assets: Sequence[Asset]) -> None:
    """Print a table of verdicts and the reasons below it; above `SHOWN` assets, those with reasons first."""
    valid = [item for item in assets if item.verdicts]
    ordered = sorted(valid, key=lambda item: (not _grouped(item), item.path))
    _table(ordered[:SHOWN])
    for asset in ordered[:SHOWN]:
        for reason, clients in _grouped(asset).items():
            word = click.style(reason.word, fg=_COLOURS[reason.word])
            what = printable(reason.message)
            click.echo(f"{printable(asset.path)}: {', '.join(clients)}: {word}: {what} [{reason.rule}]")
            click.echo(f"    {printable(reason.mend)}")
    if len(ordered) > SHOWN:
        click.echo(f"… and {count(len(ordered) - SHOWN, 'more asset')}; --json prints all. By client:")
        words = Counter((item.client, item.word) for asset in ordered for item in asset.verdicts or ())
        for (client, word), number in sorted(words.items()):
            click.echo(f"{number:7,}  {client:12} {word}")


def _table(assets: Sequence[Asset]) -> None:
    if not assets:
        return
    rows = [("", *(item.client for item in assets[0].verdicts or ()))]
    rows += [(printable(asset.name), *(item.word for item in asset.verdicts or ())) for asset in assets]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (_coloured(cell, width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _coloured(cell: str, width: int) -> str:
    text = cell.ljust(width)
    return click.style(text, fg=_COLOURS[cell]) if cell in _COLOURS and cell != WORKS else text


def _grouped(asset: Asset) -> dict[Reason, list[str]]:
    """Reason → the clients that it holds for."""
    found: dict[Reason, list[str]] = {}
    for verdict in asset.verdicts or ():
        for reason in verdict.reasons:
            found.setdefault(reason, []).append(verdict.client)
    return found


def _reasons(verdict: Verdict) -> list[dict[str, str]]:
    return [{"rule": item.rule, "message": item.message, "mend": item.mend} for item in verdict.reasons]
