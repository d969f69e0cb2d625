"""The session of a browser on our pages: one signed cookie, and a token in each form that it has to match.

There is nothing on the server: the cookie says who signed in and until when, the form's token is made of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from dynamic_api.clock import MINUTE
from dynamic_api.errors import Forbidden

COOKIE = "skillpress_device"
LIFE = 15 * MINUTE
PATH = "/device"


class Session(Struct, frozen=True):
    """`key_id` is the key that somebody signed in with, or `identity_id` who they are at the provider; `more`
    is for a login elsewhere to bring back.
    """

    nonce: str
    expires_at: int
    key_id: str = ""
    identity_id: str = ""
    more: Mapping[str, str] = {}


def begin(
    now: int, key_id: str = "", identity_id: str = "", more: Mapping[str, str] | None = None
) -> Session:
    """A new session. A new one for each sign-in, so that none can be planted before it."""
    return Session(secrets.token_urlsafe(18), now + LIFE, key_id, identity_id, more or {})


def read(request: Request, secret: str, now: int) -> Session | None:
    """The session of a request; None without one that is ours and in time."""
    text, _, mac = request.cookies.get(COOKIE, "").partition(".")
    if not text or not hmac.compare_digest(mac.encode(), _mac(secret, "session", text).encode()):
        return None
    try:
        session = msgspec.json.decode(base64.urlsafe_b64decode(text), type=Session)
    except msgspec.MsgspecError:
        return None  # of an older release
    return session if session.expires_at > now else None


def keep(response: Response, session: Session, secret: str, *, secure: bool) -> None:
    """Give the session to the browser: for our pages only, out of reach of scripts.

    Lax, for a login elsewhere comes back by a link; a form from elsewhere still brings no cookie.
    """
    text = base64.urlsafe_b64encode(msgspec.json.encode(session)).decode()
    value = f"{text}.{_mac(secret, 'session', text)}"
    response.set_cookie(
        COOKIE, value, max_age=LIFE // 1000, path=PATH, secure=secure, httponly=True, samesite="lax"
    )


def end(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")


def form_token(session: Session, secret: str) -> str:
    """What a form has to bring back."""
    return _mac(secret, "form", session.nonce)


def require_own_form(session: Session | None, token: str, secret: str) -> Session:
    """Raise Forbidden unless the form was made for this session."""
    if session is None or not hmac.compare_digest(
        token.encode("utf-8", "replace"), form_token(session, secret).encode()
    ):
        mend = "open the page again, and allow its cookie"
        raise Forbidden("form_expired", "this form is not of this session, or too old", mend=mend)
    return session


def _mac(secret: str, purpose: str, text: str) -> str:
    key = hashlib.sha256(f"browser {secret}".encode()).digest()
    return hmac.new(key, f"{purpose} {text}".encode(), hashlib.sha256).hexdigest()
