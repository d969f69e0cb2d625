"""Whether a lock row is for the repository that somebody is in. Source: contracts/sx.md section 3."""

from __future__ import annotations

import re


def normal(url: str) -> str:
    """Lower case, without scheme, user, port, `.git` and last slash; the scp form as any other."""
    text = url.strip().lower()
    text = (
        re.sub(r"^[a-z][a-z0-9+.-]*://", "", text)
        if "://" in text
        else re.sub(r"^([^/]*):(?!\d)", r"\1/", text)
    )
    text = re.sub(r"^[^/@]*@", "", text)
    text = re.sub(r"^([^/:]+):\d+", r"\1", text)
    return text.rstrip("/").removesuffix(".git").rstrip("/")


def matches(scope: str, remote: str) -> bool:
    """Whether both are URLs of one repository; the host has to match."""
    return normal(scope) == normal(remote) != ""
