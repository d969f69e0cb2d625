"""A program: what sx does with a server, by our two checkers of it. Prints what was installed as JSON."""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path

import httpx2
from contracts.sx import check_lock, check_profiles
from sx_client import SxClient


def main(base: str, home: str, root: str) -> None:
    """Check the lock of `base` with all that it names, then install it into `home`."""
    client = SxClient(base, "a-token-that-no-store-knows", Path(home))
    client.wire.client = httpx2.Client(verify=ssl.create_default_context(cafile=root), trust_env=False)

    def fetch(url: str) -> bytes | None:
        answer = client.wire.send("GET", url)
        return answer.body if answer.status == 200 else None

    problems = check_lock(client.wire.get("/api/skills/sx.lock").text(), fetch)
    problems += check_profiles(client.wire.get("/api/skills/sx.profiles").text())
    installed = client.install().installed
    again = client.install().unchanged
    client.wire.client.close()
    print(json.dumps({"problems": problems, "installed": installed, "unchanged": again}))


if __name__ == "__main__":
    main(*sys.argv[1:])
