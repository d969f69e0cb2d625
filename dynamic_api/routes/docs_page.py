"""The API as a page for people: every route with its fields and errors, made from the declarations."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from dynamic_api.routes import fields
from dynamic_api.routes.endpoint import PARAMETER, Auth, Endpoint

TITLE = "Skillpress API"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}code{font-size:.95em}h2{margin-top:2rem}dt{margin-top:.8rem}"
    "ul{margin:.2rem 0;padding-left:1.2rem}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8fc7ff}}"
)
_AUTH = {Auth.ANONYMOUS: "no key needed", Auth.NONE: "no key", Auth.OWN: "its own credential"}


def page(endpoints: Sequence[Endpoint]) -> str:
    """All routes on one page that asks no other host for anything."""
    tags = dict.fromkeys(endpoint.tag for endpoint in endpoints)
    sections = "".join(
        f"<h2>{html.escape(tag)}</h2>" + "".join(_entry(e) for e in endpoints if e.tag == tag) for tag in tags
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{TITLE}</h1><p>Send a key as <code>Authorization: Bearer sk_live_…</code>, and "
        "bodies as JSON. Answers are under <code>data</code>, refusals under <code>error</code>. "
        'For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{sections}</main></body></html>\n"
    )


def _entry(endpoint: Endpoint) -> str:
    path = html.escape(PARAMETER.sub(r"{\1}", endpoint.path))
    facts = [_AUTH.get(endpoint.auth, "key"), *(["Idempotency-Key"] if endpoint.costs else [])]
    codes = [f"{status} {code}" for status, codes in endpoint.errors.items() for code in codes]
    more = html.escape(", ".join(codes))
    items = "".join(f"<li>{item}</li>" for item in _items(endpoint))
    return (
        f"<dl><dt><strong>{endpoint.method}</strong> <code>{path}</code></dt>"
        f"<dd>{html.escape(endpoint.summary)} ({html.escape(', '.join(facts))})"
        f"{f'<ul>{items}</ul>' if items else '<br>'}{more}</dd></dl>"
    )


def _items(endpoint: Endpoint) -> Iterator[str]:
    """A line for each field of the query, the body or the form."""
    for where, form in (("query", endpoint.query), ("body", endpoint.body)):
        for name, needed, text in fields.listed(form) if form else ():
            need = "needed" if needed else "optional"
            yield f"<code>{html.escape(name)}</code> ({where}, {need}): {html.escape(text)}"
    for name, text in (endpoint.form or {}).items():
        yield f"<code>{html.escape(name)}</code> (part of the form): {html.escape(text)}"
