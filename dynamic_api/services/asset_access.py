"""Which assets a caller may have, and how near each is.

Own ones, the organisation's and published ones are open. A private one of somebody else is to be had while
the caller holds it (`holding`), or when somebody else has installed it for the caller. Installing it for
oneself gives no right to it: what was only lent goes when the share goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import Connection

from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.services import holding, reach
from dynamic_api.services.assets import FOREIGN, OFFERED, ORGANISED, OWN
from dynamic_api.services.caller import Caller

_NOBODYS = ""


class Placed(Protocol):
    """Whatever says in whose namespace an asset is."""

    @property
    def id(self) -> str: ...

    @property
    def namespace(self) -> str: ...


def ranks(
    db: Connection, caller: Caller, found: Iterable[Placed], *, ask_anyway: bool = False
) -> dict[str, int]:
    """Id → rank of those that the caller may have; of one name the lowest is meant (DESIGN.md D9).

    With `ask_anyway` an unknown name costs what the name of somebody else's asset does.
    """
    named = {caller.user_id: OWN, ORGANISATION: ORGANISED, PUBLISHED: OFFERED}
    ranked: dict[str, int] = {}
    others: list[str] = []
    for each in found:
        if each.namespace in named:
            ranked[each.id] = named[each.namespace]
        else:
            others.append(each.id)
    if not ranked and ask_anyway:
        others = others or [_NOBODYS]
    if others:
        near = holding.nearness(db, caller, others)
        ranked |= dict.fromkeys(reach.given(db, caller, others), FOREIGN) | near
    return ranked
