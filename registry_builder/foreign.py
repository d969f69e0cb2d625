"""Keys that hold what no release of ours put there, or a release that this bucket has forgotten."""

from __future__ import annotations

from typing import NoReturn

from registry_builder.core.errors import Foreign
from registry_builder.core.key import KeyClass, classify
from registry_builder.previous import View

_NAME = 3


def is_taken(key: str, complete: View) -> bool:
    """Whether `key`, which holds other bytes, is that of a version which the `complete` release has not.

    Its number was given out before: the ledger is older than what the bucket has served.
    """
    if classify(key) is not KeyClass.FROZEN or not key.startswith("api/skills/assets/"):
        return False
    pins = complete.pins(key.split("/")[_NAME])
    return pins is None or key not in pins.keys


def refuse_taken(key: str) -> NoReturn:
    """Raise Foreign: going on would give a number out twice."""
    raise Foreign(
        "number-taken",
        "holds another version of this number, which the ledger does not know: it was lost or restored",
        place=key,
        mend="skillpress ledger import brings the newer ledger back; --reconcile writes over it",
    )


def refuse_foreign(key: str) -> NoReturn:
    """Raise Foreign: somebody else wrote there."""
    raise Foreign(
        "changed-by-hand",
        "holds bytes that no release of ours put there",
        place=key,
        mend="look at it, delete it, and run again",
    )
