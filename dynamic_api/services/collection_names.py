"""What a published collection is called in its manifest: clients demand small letters, digits and hyphens."""

from __future__ import annotations

import re
import unicodedata

from dynamic_api.errors import Unprocessable

LONGEST = 64
_OTHER = re.compile(r"[^a-z0-9]+")


def published_name(name: str, place: str = "name") -> str:
    """ "PDF Tools" → "pdf-tools". Raises Unprocessable when nothing is left, or too much."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    shown = _OTHER.sub("-", plain).strip("-")
    if not shown or len(shown) > LONGEST:
        raise Unprocessable(
            "unfit_name",
            f"{name!r} makes no name of 1 to {LONGEST} small letters, digits and hyphens",
            place=place,
            mend="rename the collection before it is published",
        )
    return shown
