"""Errors as sx reads them: `error` is one sentence, shown to the user as it is (contracts/sx.md 1.3)."""

from __future__ import annotations

from starlette.responses import Response

from dynamic_api.errors import Refusal
from dynamic_api.routes import answers


def refused(refusal: Refusal) -> Response:
    """The refusal with its sentence in `error`, and the rest beside it for other clients."""
    told = {key: value for key, value in refusal.body().items() if key != "message"}
    mend = f"; {refusal.mend}" if refusal.mend else ""
    body = {"success": False, **told, "error": f"{refusal.message}{mend}"}
    return answers.answered(answers.encode(body, wrap=False), answers.status_of(refusal), refusal.headers)
