"""Login on a device: what sx asks (contracts/sx.md R11 and R12), and the page where a person decides."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dynamic_api import browser_session, pages
from dynamic_api.browser_session import Session
from dynamic_api.errors import Forbidden, Limited, Refusal
from dynamic_api.routes import answers, forms
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.routes.identify import caller_of
from dynamic_api.services import access, device_logins
from dynamic_api.services.caller import Caller, require_all_skills
from dynamic_api.sx.device import RANDOM_BYTES

PER_MINUTE = 120
"""Calls for each address: a device asks every five seconds, and a network has several."""
_FORM_BYTES = 16 * 1024
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Shown(Struct, frozen=True):
    """The query of the page."""

    user_code: str = ""


async def authorize(call: Call) -> Response:
    """Codes for a device. Without a credential: it has none yet."""
    fields = await _fields(call)
    randomness = secrets.token_bytes(RANDOM_BYTES)
    started = await call.context.database.write(
        lambda db: device_logins.start(db, randomness, fields.get("client_id", ""), call.now)
    )
    return answers.answered(answers.encode(started.body(call.context.public_url), wrap=False), 200, {})


async def token(call: Call) -> Response:
    """A token, or an error as OAuth has it; sx reads only the body."""
    fields = await _fields(call)
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
    context, code = call.context, call.query.user_code[:40]
    session = browser_session.read(call.request, context.secret, call.now)
    caller = await _signed_in(call, session)
    if session is None or caller is None:
        return _sign_in(call, code)
    return await _question(call, session, caller, code)


async def sign_in(call: Call) -> Response:
    """Take an API key, and begin a session that knows its owner."""
    fields = await _own_form(call)
    code = fields.get("user_code", "")[:40]
    try:
        caller = await caller_of(call.context, fields.get("key", "").strip(), call.now)
        access.require_person(caller)
        access.require_beyond_uploads(caller)
        require_all_skills(caller)
    except Refusal as refusal:
        return _sign_in(call, code, refusal.message, answers.status_of(refusal))
    return enter(call, caller, code)


async def decide(call: Call) -> Response:
    """Approve or deny, and end the session."""
    fields = await _own_form(call)
    caller = await _signed_in(call, browser_session.read(call.request, call.context.secret, call.now))
    if caller is None:
        return _sign_in(call, fields.get("user_code", "")[:40], "Sign in first.", 401)
    approved = fields.get("decision") == "approve"
    await call.context.database.write(
        lambda db: device_logins.decide(
            db, caller, call.trace, fields.get("user_code", ""), approved, call.now
        )
    )
    said = "The device is signed in. You can close this page." if approved else "The login was refused."
    response = _page("Approved" if approved else "Denied", f'<p role="status">{said}</p>')
    browser_session.end(response)
    return response


def enter(call: Call, caller: Caller, code: str) -> Response:
    """Begin a session of `caller`, and go on to the question."""
    session = browser_session.begin(call.now, key_id=caller.key_id, user_id=caller.user_id)
    response = RedirectResponse(f"/device?user_code={quote(code)}", 303, _HEADERS)
    _keep(call, response, session)
    return response


def refused_page(refusal: Refusal) -> Response:
    """A refusal as a page."""
    mend = f" {escape(refusal.mend)}." if refusal.mend else ""
    text = f'<p role="alert" class="bad">{escape(refusal.message)}.{mend}</p>'
    text += '<p><a href="/device">Begin again</a></p>'
    return _page("That did not work", text, answers.status_of(refusal), refusal.headers)


def oauth_refused(refusal: Refusal) -> Response:
    """A refusal as OAuth has it; too many questions are slowed down."""
    code = "slow_down" if isinstance(refusal, Limited) else "invalid_request"
    body = {"error": code, "error_description": refusal.message}
    return answers.answered(answers.encode(body, wrap=False), answers.status_of(refusal), refusal.headers)


async def _fields(call: Call) -> Mapping[str, str]:
    await call.context.limiter.take("login", call.trace.address, PER_MINUTE)
    raw = await forms.raw_body(call.request, _FORM_BYTES)
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))


async def _own_form(call: Call) -> Mapping[str, str]:
    """The fields of a form that we made, for this browser. Raises Forbidden for any other."""
    fields = await _fields(call)
    origin = call.request.headers.get("origin", "null")
    own = urlsplit(call.context.public_url).netloc
    if origin != "null" and urlsplit(origin).netloc not in {own, call.request.headers.get("host", "")}:
        raise Forbidden("foreign_form", "this form came from another site", mend="open /device yourself")
    session = browser_session.read(call.request, call.context.secret, call.now)
    browser_session.require_own_form(session, fields.get("form", ""), call.context.secret)
    return fields


async def _signed_in(call: Call, session: Session | None) -> Caller | None:
    """Who signed in; their key is looked at again each time."""
    if session is None or not session.key_id:
        return None
    key_id = session.key_id
    try:
        return await call.context.database.read(lambda db: access.caller_with(db, key_id, call.now))
    except Refusal:
        return None


async def _question(call: Call, session: Session, caller: Caller, code: str) -> Response:
    grant = await call.context.database.read(lambda db: device_logins.waiting(db, code, call.now))
    content = pages.filled(
        "device_decide.html",
        email=escape(caller.email),
        client=escape(grant.client_id),
        code=escape(grant.user_code),
        form=browser_session.form_token(session, call.context.secret),
    )
    return _page("Let this device in?", content)


def _sign_in(call: Call, code: str, problem: str = "", status: int = 200) -> Response:
    session = browser_session.begin(call.now)
    told = f'<p role="alert" class="bad">{escape(problem)}</p>' if problem else ""
    content = pages.filled(
        "device_sign_in.html",
        problem=told,
        form=browser_session.form_token(session, call.context.secret),
        code=escape(code, quote=True),
        elsewhere="",
    )
    response = _page("Sign in a device", content, status)
    _keep(call, response, session)
    return response


def _keep(call: Call, response: Response, session: Session) -> None:
    secure = call.context.public_url.startswith("https://")
    browser_session.keep(response, session, call.context.secret, secure=secure)


def _page(title: str, content: str, status: int = 200, more: Mapping[str, str] | None = None) -> Response:
    text = pages.filled("device.html", title=title, content=content)
    return HTMLResponse(text, status, {**_HEADERS, **(more or {})})


def _oauth(path: str, name: str, handler: object, summary: str) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        name=name,
        handler=handler,  # type: ignore[arg-type]
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        refusal=oauth_refused,
        tag="Login",
        summary=summary,
        wrap=False,
        errors={400: ()},
    )


def _shown(method: str, path: str, name: str, handler: object, summary: str) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        name=name,
        handler=handler,  # type: ignore[arg-type]
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        refusal=refused_page,
        tag="Login",
        summary=summary,
        query=Shown if method == "GET" else None,
        errors={} if method == "GET" else {400: (), 403: (), 408: (), 413: (), 415: ()},
        wrap=False,
        media_type="text/html",
    )


_AUTHORIZE, _TOKEN = "Codes for a device that wants to sign in", "A token for a device, once it is approved"

ENDPOINTS = (
    _oauth("/api/oauth/device-authorization/", "oauth_device", authorize, _AUTHORIZE),
    _oauth("/api/oauth/device-authorization", "oauth_device_bare", authorize, _AUTHORIZE),
    _oauth("/api/oauth/token/", "oauth_token", token, _TOKEN),
    _oauth("/api/oauth/token", "oauth_token_bare", token, _TOKEN),
    _shown("GET", "/device", "device_page", show, "Where a person signs in, and lets a device in"),
    _shown("POST", "/device/sign-in", "device_sign_in", sign_in, "Sign in with an API key"),
    _shown("POST", "/device/decide", "device_decide", decide, "Approve or deny"),
)
