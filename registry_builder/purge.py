"""Tells the operator's CDN which URLs changed: JSON lines into a command of theirs."""

from __future__ import annotations

import json
import shlex
import subprocess

from registry_builder.core.errors import Misuse, Trouble
from registry_builder.core.key import KeyClass, classify
from registry_builder.publish import Plan

_CACHED = (KeyClass.PAYLOAD, KeyClass.INDEX, KeyClass.POINTER)


def purge(command: str, plan: Plan, base_url: str) -> int:
    """Run `command` with a line `{"key": …, "url": …}` for each mutable key that changed; gives their number.

    Raises Misuse for a command that cannot be run, Trouble when it fails: what was published stays.
    """
    keys = [change.key for change in plan.changes if classify(change.key) in _CACHED]
    keys.append("release.json")
    lines = "".join(json.dumps({"key": key, "url": f"{base_url}/{key}"}) + "\n" for key in keys)
    try:
        done = subprocess.run(shlex.split(command), input=lines.encode(), check=False)
    except (OSError, ValueError) as error:
        raise Misuse(
            "bad-purge", f"cannot run it: {error}", place="--purge", mend="give a command"
        ) from error
    if done.returncode:
        raise Trouble(
            "purge-failed",
            f"the purge command ended with {done.returncode}; the release is published",
            place="--purge",
            mend="purge by hand, or wait for max-age=60",
        )
    return len(keys)
