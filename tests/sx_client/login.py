"""R11 and R12, OAuth's device flow as `sx init` does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from sx_client.errors import BadAnswer, HttpError, LoginFailed
from sx_client.wire import Answer, Wire

CLIENT_ID = "sleuth-skills-claude-code"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class Device:
    """What a user has to open, and how often to ask."""

    device_code: str
    user_code: str
    verification_uri: str
    open_url: str
    expires_in: int
    interval: float


def authorize(wire: Wire) -> Device:
    """R11: without a token, exactly 200."""
    answer = _post(wire, "/api/oauth/device-authorization/", {"client_id": CLIENT_ID})
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    table = _json(answer)
    for key in ("device_code", "user_code", "verification_uri"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise BadAnswer(f"the authorization has no {key}")
    uri = table["verification_uri"]
    if urlsplit(uri).scheme not in {"http", "https"}:
        raise BadAnswer(f"{uri!r} is no web address")
    complete = table.get("verification_uri_complete") or f"{uri}?user_code={quote(table['user_code'])}"
    expires, interval = table.get("expires_in"), table.get("interval") or 5
    if not isinstance(expires, int) or not isinstance(interval, int):
        raise BadAnswer("expires_in or interval is no whole number")
    return Device(table["device_code"], table["user_code"], uri, complete, expires, float(interval))


def token(wire: Wire, device: Device, wait: Callable[[float], None]) -> str:
    """R12 until there is a token. The first question comes after one interval. Raises LoginFailed."""
    interval, waited = device.interval, 0.0
    while waited < _LONGEST:
        wait(interval)
        waited += interval
        form = {"grant_type": GRANT, "device_code": device.device_code, "client_id": CLIENT_ID}
        table = _json(_post(wire, "/api/oauth/token/", form))
        error = table.get("error")
        if not error:
            return str(table.get("access_token") or "")
        if error == "slow_down":
            interval += 5
        elif error != "authorization_pending":
            raise LoginFailed(str(error), str(table.get("error_description") or ""))
    raise LoginFailed("timeout", "no token within five minutes")


def _post(wire: Wire, path: str, form: dict[str, str]) -> Answer:
    return wire.send("POST", wire.base_url + path, urlencode(form).encode(), _FORM, with_token=False)


def _json(answer: Answer) -> dict[str, Any]:
    """The body, whatever the status was."""
    try:
        table = json.loads(answer.body)
    except ValueError as error:
        raise BadAnswer(f"no JSON, with HTTP {answer.status}: {answer.body[:200]!r}") from error
    if not isinstance(table, dict):
        raise BadAnswer("no JSON object")
    return table
