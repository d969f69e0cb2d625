"""What a worker loads at its start: memory is paid by each of them, for as long as it runs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("alembic", "ariadne", "authlib", "boto3", "cryptography", "graphql", "joserfc", "obstore", "psycopg")
"""Loaded by who needs them: 40 MB together."""


def test_what_few_need_is_not_loaded_by_all() -> None:
    show = f"import sys, dynamic_api.app; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
