"""What a script is given, in every sandbox: its environment, its arguments and its stdin, within bounds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dynamic_api.errors import TooLarge, Unprocessable
from dynamic_api.sandbox.base import Job, Limits
from dynamic_api.sandbox.scripts import Script

PATH = "/usr/local/bin:/usr/bin:/bin"
DOOR = ("127.0.0.1", 3128)
"""Where a script that has a network finds its proxy."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
LONGEST_ARGUMENT = 128 * 1024 - 1
"""Linux: MAX_ARG_STRLEN, with its end mark."""


def environment(job: Job, script: Script) -> dict[str, str]:
    """All that a script finds set. A credential cannot take the place of ours. Raises Unprocessable."""
    ours = {
        "HOME": "/work",
        "LANG": "C.UTF-8",
        "PATH": PATH,
        "TMPDIR": "/tmp",  # noqa: S108
        "SKILL_DIR": "/skill",
    }
    if script.language == "python":
        ours |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    if job.layer is not None:
        ours |= {"PYTHONPATH": "/deps/python", "NODE_PATH": "/deps/node_modules"}
    if job.network:
        ours |= _proxies()
    for name, value in job.env.items():
        if not name or "=" in name or "\0" in name + value:
            raise Unprocessable("bad_environment", "a credential has no usable name or value", place=name)
    return {**job.env, **ours}


def check_arguments(arguments: Sequence[str], limits: Limits) -> None:
    """Raises TooLarge and Unprocessable, with the place of the argument."""
    total = 0
    for number, argument in enumerate(arguments):
        if "\0" in argument:
            raise Unprocessable("bad_argument", "an argument holds a zero byte", place=f"args[{number}]")
        size = len(os.fsencode(argument))
        if size > LONGEST_ARGUMENT:
            raise _too_long(f"args[{number}]", LONGEST_ARGUMENT)
        total += size + 1
    if total > limits.argument_bytes:
        raise _too_long("args", limits.argument_bytes)


def _too_long(place: str, most: int) -> TooLarge:
    mend = "send it as stdin or as an input file"
    return TooLarge("args_too_large", f"more than {most} bytes", place=place, mend=mend)


def check_stdin(data: bytes, limits: Limits) -> None:
    """Raises TooLarge."""
    if len(data) > limits.stdin_bytes:
        mend = "send it as an input file"
        raise TooLarge("stdin_too_large", f"more than {limits.stdin_bytes} bytes", place="stdin", mend=mend)


def check_network(job: Job) -> None:
    """Raises Unprocessable, where a sandbox cannot hold a script to what it may reach."""
    if job.network:
        raise Unprocessable(
            "network_unavailable",
            "scripts have no network on this server",
            place=job.script,
            mend="pass what it would download as stdin or as an input file",
        )


def _proxies() -> dict[str, str]:
    """Programs read one spelling or the other. Node heeds them from version 22.21 on, when it is told to."""
    door = "http://{}:{}".format(*DOOR)
    names = {"HTTP_PROXY": door, "HTTPS_PROXY": door, "NO_PROXY": "localhost,127.0.0.1"}
    return {
        **names,
        **{name.lower(): value for name, value in names.items()},
        "NODE_USE_ENV_PROXY": "1",
        "SSL_CERT_FILE": str(CERTIFICATES),
    }
