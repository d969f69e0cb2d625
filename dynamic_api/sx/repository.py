"""Git URLs in any of their forms, as the one repository that they name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@]*@)?([^/:]+)(?::[0-9]*)?/+(.+)")
_SCP = re.compile(r"(?:[^/@:]+@)?([^/@:]+):(?!/{2})/*(.+)")
_BARE = re.compile(r"([^/@:\s]+\.[^/@:\s]+)/+(.+)")


class Repository(NamedTuple):
    """Host, owner and name, in lower case; an owner may be several groups with slashes between."""

    host: str
    owner: str
    name: str

    @property
    def key(self) -> str:
        """What two URLs of one repository have in common."""
        return f"{self.host}/{self.owner}/{self.name}"


@lru_cache(maxsize=1 << 12)
def read_repository(url: str) -> Repository | None:
    """The repository at `url`: https, ssh, git, the scp form, or no scheme at all. None when it is no URL.

    Source: contracts/sx.md section 3: scheme, user, port, `.git` and a slash at the end do not count.
    """
    text = url.strip().lower()
    match = _URL.fullmatch(text) or _SCP.fullmatch(text) or _BARE.fullmatch(text)
    if match is None:
        return None
    parts = [part for part in match[2].rstrip("/").removesuffix(".git").split("/") if part]
    if len(parts) < 2 or any(part in {".", ".."} for part in parts):
        return None
    return Repository(match[1], "/".join(parts[:-1]), parts[-1])
