"""The pages below `/device`: their session, their forms, and how a refusal looks on them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from dynamic_api import browser_session, logs, pages
from dynamic_api.browser_session import Session
from dynamic_api.errors import Forbidden, Invalid, Refusal, Unavailable
from dynamic_api.routes import answers, forms
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.services import access, identities
from dynamic_api.services.caller import Caller

PER_MINUTE = 120
"""Calls for each address: a device asks every five seconds, and a network has several."""
CODE_LENGTH = 40
WRONG = 'aria-invalid="true" autofocus'
"""Of the field that has to be corrected."""
FORM_ERRORS: Mapping[int, tuple[str, ...]] = {400: (), 403: (), 408: (), 413: (), 415: ()}
"""What may be wrong with a form."""
_FORM_BYTES = 16 * 1024
_FIELDS = 20
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def take(call: Call) -> None:
    """Count a call. Raises Limited."""
    await call.context.limiter.take([("login", call.trace.address, PER_MINUTE)])


async def fields_of(call: Call) -> Mapping[str, str]:
    """The fields of a form, whoever made it. Raises Invalid."""
    await take(call)
    raw = await forms.raw_body(call.request, _FORM_BYTES)
    try:
        fields = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        what = f"has more than {_FIELDS} fields"
        raise Invalid("validation_error", what, place="body", mend="send those of the form") from error
    return dict(fields)


async def own_form(call: Call) -> Mapping[str, str]:
    """The fields of a form that we made, for this browser. Raises Forbidden for any other."""
    fields = await fields_of(call)
    origin = call.request.headers.get("origin", "null")
    own = urlsplit(call.context.public_url).netloc
    if origin != "null" and urlsplit(origin).netloc not in {own, call.request.headers.get("host", "")}:
        raise Forbidden("foreign_form", "this form came from another site", mend="open /device yourself")
    browser_session.require_own_form(session_of(call), fields.get("form", ""), call.context.secret)
    return fields


def session_of(call: Call) -> Session | None:
    """The session of the browser that calls."""
    return browser_session.read(call.request, call.context.secret, call.now)


async def signed_in(call: Call, session: Session | None) -> Caller | None:
    """Who signed in; their key, or what binds them, is looked at again each time."""
    if session is None or not (session.key_id or session.identity_id):
        return None
    key_id, identity_id = session.key_id, session.identity_id
    try:
        if key_id:
            return await call.context.database.read(lambda db: access.caller_with(db, key_id, call.now))
        return await call.context.database.read(lambda db: identities.caller_with(db, identity_id))
    except Unavailable:
        raise
    except Refusal:
        return None


def enter(call: Call, session: Session, code: str) -> Response:
    """Begin the session of somebody who signed in, and go on to the question."""
    response = onward(code)
    keep(call, response, session)
    return response


def onward(code: str) -> Response:
    """The way to the page that asks for what comes next."""
    return RedirectResponse(f"/device?user_code={quote(code)}", 303, _HEADERS)


def sign_in_page(call: Call, code: str, refusal: Refusal | None = None, *, of_key: bool = False) -> Response:
    """The sign-in, in a new session; with what went wrong before, with the key or elsewhere."""
    if isinstance(refusal, Unavailable):
        logs.fault(call.trace.request_id, refusal)
    session, provider = browser_session.begin(call.now), call.context.oidc
    elsewhere = ""
    if provider is not None:
        elsewhere = pages.filled("device_provider.html", provider=escape(provider.name))
    content = pages.filled(
        "device_sign_in.html",
        problem=told(refusal),
        form=browser_session.form_token(session, call.context.secret),
        code=escape(code[:CODE_LENGTH], quote=True),
        about_key=f'{WRONG} aria-describedby="problem key-help"' if of_key else 'aria-describedby="key-help"',
        elsewhere=elsewhere,
    )
    status = 200 if refusal is None else answers.status_of(refusal)
    response = page("Sign in a device", content, status, headers=refusal.headers if refusal else None)
    keep(call, response, session)
    return response


def code_page(
    call: Call, session: Session, caller: Caller, code: str, refusal: Refusal | None = None
) -> Response:
    """Ask somebody who has signed in for the code; with what was wrong with the one before."""
    content = pages.filled(
        "device_code.html",
        problem=told(refusal),
        email=escape(caller.email),
        code=escape(code[:CODE_LENGTH], quote=True),
        about_code=f'{WRONG} aria-describedby="problem"' if refusal else "",
        form=browser_session.form_token(session, call.context.secret),
    )
    return page("Which device?", content, 200 if refusal is None else answers.status_of(refusal))


def refused_page(refusal: Refusal) -> Response:
    """A refusal as a page."""
    text = told(refusal) + '<p><a href="/device">Begin again</a></p>'
    return page("That did not work", text, answers.status_of(refusal), headers=refusal.headers)


def told(refusal: Refusal | None) -> str:
    """A refusal and its mend as a paragraph; nothing for none."""
    if refusal is None:
        return ""
    sentences = [refusal.message, *([refusal.mend] if refusal.mend else [])]
    text = " ".join(f"{escape(item[:1].upper() + item[1:])}." for item in sentences)
    return f'<p id="problem" role="alert" class="bad">{text}</p>'


def keep(call: Call, response: Response, session: Session) -> None:
    """Give the session to the browser."""
    secure = call.context.public_url.startswith("https://")
    browser_session.keep(response, session, call.context.secret, secure=secure)


def page(
    title: str, content: str, status: int = 200, *, head: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """A page that nobody keeps, frames or writes scripts into."""
    mark = "Error: " if status >= 400 else ""
    text = pages.filled("device.html", title=title, mark=mark, head=head, content=content)
    return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})


def shown(method: str, path: str, name: str, handler: object, summary: str, **more: Any) -> Endpoint:
    """A page, or what its form is sent to; `more` are fields of the endpoint."""
    of_page = {
        "refusal": refused_page,
        "media_type": "text/html",
        "errors": {} if method == "GET" else FORM_ERRORS,
    }
    return Endpoint(
        method=method,
        path=path,
        name=name,
        handler=handler,  # type: ignore[arg-type]
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        tag="Login",
        summary=summary,
        wrap=False,
        **{**of_page, **more},
    )
