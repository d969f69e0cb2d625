"""What became of a proposal: the page that `sourceUrl` of a change request leads to (contracts/sx.md 2.2).

The CLI prints the address, and a person opens it in a browser, which has no key. So the address is signed:
who has it may read the page, as may the author and the staff with their key. Of the files it says the names.
"""

from __future__ import annotations

import hashlib
import hmac
from html import escape

from msgspec import Struct
from starlette.responses import HTMLResponse, Response

from dynamic_api import pages
from dynamic_api.context import Context
from dynamic_api.errors import Refusal
from dynamic_api.routes import answers
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.services import proposals
from dynamic_api.services.proposals import Proposal

_POLICY = "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_STATES = {
    proposals.OPEN: "waits for a maintainer",
    proposals.FETCHED: "taken: a maintainer made a commit of it",
    proposals.REJECTED: "rejected",
}
_FILES_SHOWN = 200


class Signed(Struct, frozen=True):
    """The query of the page."""

    signature: str = ""


def address(context: Context, proposal_id: str) -> str:
    """The signed address of a proposal's page."""
    return f"{context.public_url}/proposals/{proposal_id}?signature={_signature(context, proposal_id)}"


async def show(call: Call) -> Response:
    """404 for whoever may not read it, and for what is not there."""
    proposal_id, context = call.path["id"], call.context
    signed = hmac.compare_digest(
        call.query.signature.encode("utf-8", "replace"), _signature(context, proposal_id).encode()
    )
    found, paths = await context.database.read(
        lambda db: proposals.shown(db, proposal_id, None if signed else call.who, anybody=signed)
    )
    return _page(found.title, _content(found, paths))


def refused(refusal: Refusal) -> Response:
    """A refusal as a page."""
    mend = f" {escape(refusal.mend)}." if refusal.mend else ""
    text = f'<p role="alert" class="bad">{escape(refusal.message)}.{mend}</p>'
    return _page("There is no such page", text, answers.status_of(refusal))


def _content(found: Proposal, paths: list[str]) -> str:
    state = _STATES[found.state] + (f": {found.reason}" if found.reason else "")
    decided = f", {found.decided_at}" if found.decided_at else ""
    listed = [escape(path) for path in paths[:_FILES_SHOWN]]
    more = len(paths) - len(listed)
    files = ", ".join(listed) + (f", and {more} more" if more > 0 else "")
    return pages.filled(
        "proposal.html",
        id=found.id,
        description=escape(found.description),
        state=escape(state + decided),
        slug=escape(found.slug),
        type=escape(found.type),
        author=escape(found.author),
        created=found.created_at,
        files=files or "as uploaded",
    )


def _signature(context: Context, proposal_id: str) -> str:
    key = hashlib.sha256(f"proposals {context.secret}".encode()).digest()
    return hmac.new(key, proposal_id.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _page(title: str, content: str, status: int = 200) -> Response:
    mark = "Error: " if status >= 400 else ""
    text = pages.filled("device.html", title=escape(title), mark=mark, head="", content=content)
    return HTMLResponse(text, status, _HEADERS)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/proposals/{id}",
        name="proposal_page",
        handler=show,
        mode=Mode.ASYNC,
        auth=Auth.ANONYMOUS,
        refusal=refused,
        tag="sx",
        summary="What became of a proposal: for who has the signed address, its author and the staff",
        query=Signed,
        wrap=False,
        media_type="text/html",
        errors={404: ("proposal_not_found",)},
    ),
)
