"""Login on a device: what sx asks (contracts/sx.md R11 and R12), and the page where a person decides."""

from __future__ import annotations

import secrets
from html import escape

from msgspec import Struct
from starlette.responses import Response

from dynamic_api import browser_session, pages
from dynamic_api.browser_session import Session
from dynamic_api.errors import Absent, Invalid, Limited, Refusal, Unauthenticated
from dynamic_api.routes import answers, device_oidc, device_pages
from dynamic_api.routes.device_pages import CODE_LENGTH, shown
from dynamic_api.routes.endpoint import Call, Endpoint
from dynamic_api.routes.identify import caller_of
from dynamic_api.services import access, device_logins
from dynamic_api.services.caller import Caller, require_all_skills
from dynamic_api.sx.device import RANDOM_BYTES

_APPROVE = "approve"
_DECISIONS = (_APPROVE, "deny")


class Shown(Struct, frozen=True):
    """The query of the page."""

    user_code: str = ""


async def authorize(call: Call) -> Response:
    """Codes for a device. Without a credential: it has none yet."""
    fields = await device_pages.fields_of(call)
    randomness = secrets.token_bytes(RANDOM_BYTES)
    started = await call.context.database.write(
        lambda db: device_logins.start(db, randomness, fields.get("client_id", ""), call.now)
    )
    return answers.answered(answers.encode(started.body(call.context.public_url), wrap=False), 200, {})


async def token(call: Call) -> Response:
    """A token, or an error as OAuth has it; sx reads only the body."""
    fields = await device_pages.fields_of(call)
    kind, code, client = (fields.get(name, "") for name in ("grant_type", "device_code", "client_id"))
    answer = await call.context.database.write(
        lambda db: device_logins.poll(db, kind, code, client, call.trace, call.now)
    )
    if answer.token is None:
        return answers.answered(answers.encode(answer.polled.body(), wrap=False), 400, {})
    body = {"access_token": answer.token, "token_type": "Bearer", "scope": ""}
    return answers.answered(answers.encode(body, wrap=False), 200, {"Pragma": "no-cache"})


async def show(call: Call) -> Response:
    """The sign-in, or for whoever has signed in, the question."""
    session, code = device_pages.session_of(call), call.query.user_code[:CODE_LENGTH]
    caller = await device_pages.signed_in(call, session)
    if session is None or caller is None:
        return device_pages.sign_in_page(call, code)
    return await _question(call, session, caller, code)


async def sign_in(call: Call) -> Response:
    """Take an API key, and begin a session that knows its owner."""
    fields = await device_pages.own_form(call)
    code = fields.get("user_code", "")[:CODE_LENGTH]
    try:
        caller = await caller_of(call.context, fields.get("key", "").strip(), call.now)
        access.require_person(caller)
        access.require_beyond_uploads(caller)
        require_all_skills(caller)
    except Refusal as refusal:
        return device_pages.sign_in_page(call, code, refusal, of_key=True)
    return device_pages.enter(call, browser_session.begin(call.now, key_id=caller.key_id), code)


async def sign_out(call: Call) -> Response:
    """End the session; the device still waits."""
    fields = await device_pages.own_form(call)
    response = device_pages.onward(fields.get("user_code", "")[:CODE_LENGTH])
    browser_session.end(response)
    return response


async def decide(call: Call) -> Response:
    """Approve or deny, and end the session."""
    fields = await device_pages.own_form(call)
    session = device_pages.session_of(call)
    caller = await device_pages.signed_in(call, session)
    if caller is None or session is None:
        needed = Unauthenticated("unauthorized", "sign in first")
        return device_pages.sign_in_page(call, fields.get("user_code", ""), needed)
    decision = fields.get("decision", "")
    if decision not in _DECISIONS:
        mend = "press one of the two buttons"
        raise Invalid("validation_error", "neither approved nor denied", place="form.decision", mend=mend)
    approved = decision == _APPROVE
    await call.context.database.write(
        lambda db: device_logins.decide(
            db, caller, call.trace, fields.get("user_code", ""), approved, call.now, session.identity_id
        )
    )
    said = "The device is signed in. You can close this page." if approved else "The login was refused."
    response = device_pages.page("Approved" if approved else "Denied", f'<p role="status">{said}</p>')
    browser_session.end(response)
    return response


def oauth_refused(refusal: Refusal) -> Response:
    """A refusal as OAuth has it; too many questions are slowed down."""
    code = "slow_down" if isinstance(refusal, Limited) else "invalid_request"
    body = {"error": code, "error_description": refusal.message}
    return answers.answered(answers.encode(body, wrap=False), answers.status_of(refusal), refusal.headers)


async def _question(call: Call, session: Session, caller: Caller, code: str) -> Response:
    if not code.strip():
        return device_pages.code_page(call, session, caller, "")
    try:
        grant = await call.context.database.read(lambda db: device_logins.waiting(db, code, call.now))
    except Absent as absent:
        return device_pages.code_page(call, session, caller, code, absent)
    content = pages.filled(
        "device_decide.html",
        email=escape(caller.email),
        client=escape(grant.client_id),
        code=escape(grant.user_code),
        form=browser_session.form_token(session, call.context.secret),
    )
    return device_pages.page("Let this device in?", content)


def _oauth(path: str, name: str, handler: object, summary: str) -> Endpoint:
    of_oauth = {"refusal": oauth_refused, "media_type": answers.JSON, "errors": {400: ()}}
    return shown("POST", path, name, handler, summary, **of_oauth)


_AUTHORIZE, _TOKEN = "Codes for a device that wants to sign in", "A token for a device, once it is approved"

ENDPOINTS = (
    _oauth("/api/oauth/device-authorization/", "oauth_device", authorize, _AUTHORIZE),
    _oauth("/api/oauth/device-authorization", "oauth_device_bare", authorize, _AUTHORIZE),
    _oauth("/api/oauth/token/", "oauth_token", token, _TOKEN),
    _oauth("/api/oauth/token", "oauth_token_bare", token, _TOKEN),
    shown(
        "GET",
        "/device",
        "device_page",
        show,
        "Where a person signs in, and lets a device in",
        query=Shown,
        errors={404: ("device-code-unknown",)},
    ),
    shown("POST", "/device/sign-in", "device_sign_in", sign_in, "Sign in with an API key"),
    *device_oidc.ENDPOINTS,
    shown("POST", "/device/sign-out", "device_sign_out", sign_out, "Sign in as somebody else"),
    shown("POST", "/device/decide", "device_decide", decide, "Approve or deny"),
)
