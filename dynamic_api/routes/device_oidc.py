"""Sign-in on `/device` at a provider of OpenID Connect: to it, and back from it."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.responses import Response

from dynamic_api import browser_session, oidc, pages
from dynamic_api.errors import Absent, Refusal, Unauthenticated
from dynamic_api.oidc import refused
from dynamic_api.routes import device_pages
from dynamic_api.routes.endpoint import Call
from dynamic_api.services import identities

if TYPE_CHECKING:
    from dynamic_api.oidc.provider import Provider

_ERROR = re.compile(r"[a-z_]{1,60}")
_DENIED = "access_denied"


class Back(Struct, frozen=True):
    """What the provider adds to our address (RFC 6749, 4.1.2; RFC 9207)."""

    code: str = ""
    state: str = ""
    error: str = ""
    iss: str = ""


async def leave(call: Call) -> Response:
    """Send the browser to the provider. By a page, for a form of ours may lead nowhere else (form-action)."""
    fields = await device_pages.own_form(call)
    provider, login = _provider(call), oidc.begin(fields.get("user_code", ""))
    try:
        address = await provider.address(login, call.now)
    except Refusal as refusal:
        return device_pages.sign_in_page(call, login.user_code, refusal)
    link = escape(address, quote=True)
    content = pages.filled("device_leave.html", provider=escape(provider.name), address=link)
    head = f'<meta http-equiv="refresh" content="0;url={link}">'
    response = device_pages.page("Sign in", content, head=head)
    device_pages.keep(call, response, browser_session.begin(call.now, more=login.kept()))
    return response


async def come_back(call: Call) -> Response:
    """Take what the provider says; whoever it is goes on to the question, which still wants an answer."""
    await device_pages.take(call)
    provider, session = _provider(call), device_pages.session_of(call)
    # An answer that this browser does not wait for changes nothing in its session.
    login = oidc.carried(session.more if session else {})
    login.require_state(call.query.state)
    try:
        _require_code(provider, call.query)
        person = await provider.person(call.query.code, login, call.now)
        rules, prices = provider.rules, call.context.settings.credits
        found = await call.context.database.write(
            lambda db: identities.sign_in(db, person, rules, prices, call.trace, call.now)
        )
    except Refusal as refusal:
        return device_pages.sign_in_page(call, login.user_code, refusal)
    entered = browser_session.begin(call.now, identity_id=found.identity_id)
    return device_pages.enter(call, entered, login.user_code)


def _provider(call: Call) -> Provider:
    if call.context.oidc is None:
        raise Absent("oidc_off", "no other sign-in is set up here", mend="sign in with an API key")
    return call.context.oidc


def _require_code(provider: Provider, back: Back) -> None:
    """Raise Unauthenticated without a code. Words that came are not shown: anybody can make such a link."""
    if back.iss and back.iss != provider.issuer:
        raise refused("it is of another provider")
    if back.error == _DENIED:
        mend = "sign in again, or with an API key"
        raise Unauthenticated("oidc_denied", f"the sign-in at {provider.name} was refused", mend=mend)
    if back.error:
        why = back.error if _ERROR.fullmatch(back.error) else "an error"
        raise refused(f"it is {why}")
    if not back.code:
        raise refused("it holds no code")


_AWAY = {404: ("oidc_off",), 502: ("oidc_unavailable", "oidc_failed", "oidc_nonsense", "oidc_issuer")}
_LATE = {504: ("oidc_timeout",)}
_REFUSED = {
    400: (),
    401: ("oidc_refused", "oidc_denied", "oidc_code"),
    403: ("oidc_state", "oidc_unknown", "oidc_domain", "account_disabled"),
    409: ("identity_taken", "email_taken"),
}

ENDPOINTS = (
    device_pages.shown(
        "POST",
        "/device/oidc",
        "device_oidc",
        leave,
        "Go to the provider to sign in",
        errors={**device_pages.FORM_ERRORS, **_AWAY, **_LATE},
    ),
    device_pages.shown(
        "GET",
        oidc.CALLBACK,
        "device_oidc_back",
        come_back,
        "Where the provider sends browsers back",
        query=Back,
        errors={**_REFUSED, **_AWAY, **_LATE},
    ),
)
