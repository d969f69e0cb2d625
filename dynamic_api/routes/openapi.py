"""The OpenAPI document and its page, made from the declarations that check requests."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.responses import Response

from dynamic_api.context import Context
from dynamic_api.routes.answers import STATUS
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode

_TITLE = "Skillpress API"
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_WITH_KEY = (Auth.KEY, Auth.UPLOAD)
_COMMON = {Auth.ANONYMOUS: (401, 429), Auth.KEY: (401, 403, 429), Auth.UPLOAD: (401, 429)}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Fault(Struct, frozen=True):
    """What is wrong: a stable code, where, and how to mend it."""

    code: str
    message: str
    place: str | None = None
    mend: str | None = None
    suggestions: list[str] = []


class FaultAnswer(Struct, frozen=True):
    """Every refusal."""

    error: Fault


def document(endpoints: Sequence[Endpoint], context: Context) -> dict[str, Any]:
    """OpenAPI 3.1 for `endpoints`."""
    forms = [*_forms(endpoints), FaultAnswer]
    schemas, components = msgspec.json.schema_components(forms, ref_template=_REF)
    by_form = {id(form): schema for form, schema in zip(forms, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, by_form)
    bearer = {"type": "http", "scheme": "bearer", "description": "sk_live_…"}
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": "1", "description": "Errors are always `{error: {code, …}}`."},
        "servers": [{"url": context.public_url}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": bearer}},
    }


def _forms(endpoints: Sequence[Endpoint]) -> list[Any]:
    found = [form for e in endpoints for form in (e.body, e.query, e.answer) if form is not None]
    return list({id(form): form for form in found}.values())


def _operation(endpoint: Endpoint, by_form: Mapping[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [
            *_path_parameters(endpoint),
            *_query_parameters(endpoint),
            *_header_parameters(endpoint),
        ],
        "responses": _responses(endpoint, by_form),
    }
    if endpoint.auth in _WITH_KEY:
        operation["security"] = [{"key": []}]
    elif endpoint.auth is Auth.ANONYMOUS:
        operation["security"] = [{}, {"key": []}]
    if endpoint.body is not None:
        content = {"application/json": {"schema": by_form[id(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.takes_bytes:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.form is not None:
        parts = {
            name: {"type": "string", "description": text, **({"format": "binary"} if name == "file" else {})}
            for name, text in endpoint.form.items()
        }
        schema = {"type": "object", "properties": parts}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    return operation


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    (reference,), components = msgspec.json.schema_components([endpoint.query], ref_template=_REF)
    schema = components[reference["$ref"].rpartition("/")[2]]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": form}
        for name, form in schema["properties"].items()
    ]


def _header_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if not endpoint.costs:
        return []
    schema = {"type": "string", "maxLength": 255}
    what = "A repeat with the same key gets the first answer, and nothing is paid twice."
    return [
        {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": what}
    ]


def _responses(endpoint: Endpoint, by_form: Mapping[int, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {str(endpoint.status): _success(endpoint, by_form)}
    refusals = dict.fromkeys(_COMMON.get(endpoint.auth, ()), ())
    if endpoint.body is not None:
        refusals |= dict.fromkeys((400, 408, 413, 415), ())
    if endpoint.form is not None:
        refusals |= {408: ()}
    if endpoint.query is not None or "{" in endpoint.path:
        refusals |= {400: ()}
    if endpoint.costs:
        refusals |= {402: (), 409: ()}
    refusals |= {500: (), 503: (), **endpoint.errors}  # type: ignore[dict-item]
    reasons = {status: kind.__doc__ for kind, status in STATUS.items()}
    for status, codes in sorted(refusals.items()):
        text = (reasons.get(status) or "The server failed.").partition(":")[0]
        text += f" ({', '.join(codes)})" if codes else ""
        content = {"application/json": {"schema": by_form[id(FaultAnswer)]}}
        answers.setdefault(str(status), {"description": text, "content": content})
    return answers


def _success(endpoint: Endpoint, by_form: Mapping[int, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done."}
    if endpoint.answer is None:
        if endpoint.status != 204:
            answer["content"] = {endpoint.media_type: {}}
        return answer
    schema = by_form[id(endpoint.answer)]
    if endpoint.wrap:
        schema = {"type": "object", "properties": {"data": schema}, "required": ["data"]}
    return answer | {"content": {endpoint.media_type: {"schema": schema}}}


def page(endpoints: Sequence[Endpoint]) -> str:
    """All routes on one page that asks no other host for anything."""
    tags = dict.fromkeys(endpoint.tag for endpoint in endpoints)
    sections = "".join(
        f"<h2>{html.escape(tag)}</h2>" + "".join(_entry(e) for e in endpoints if e.tag == tag) for tag in tags
    )
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
        "color:#1b1b1b;background:#fff}code{font-size:.95em}h2{margin-top:2rem}dt{margin-top:.8rem}"
        "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8fc7ff}}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><main><h1>{_TITLE}</h1><p>Answers are under <code>data</code>, refusals under "
        '<code>error</code>. For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{sections}</main></body></html>\n"
    )


def _entry(endpoint: Endpoint) -> str:
    path = html.escape(_PARAMETER.sub(r"{\1}", endpoint.path))
    key = {Auth.ANONYMOUS: "no key needed", Auth.NONE: "no key", Auth.OWN: "its own credential"}
    facts = [key.get(endpoint.auth, "key"), *(["Idempotency-Key"] if endpoint.costs else [])]
    codes = [f"{status} {code}" for status, codes in endpoint.errors.items() for code in codes]
    more = f"<br>{html.escape(', '.join(codes))}" if codes else ""
    return (
        f"<dl><dt><strong>{endpoint.method}</strong> <code>{path}</code></dt>"
        f"<dd>{html.escape(endpoint.summary)} ({html.escape(', '.join(facts))}){more}</dd></dl>"
    )


def described(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The two routes that describe `endpoints`; what they answer is made at the first call."""
    made: dict[str, bytes] = {}

    async def openapi(call: Call) -> Response:
        if "json" not in made:
            made["json"] = msgspec.json.encode(document(endpoints, call.context))
        return Response(made["json"], media_type="application/json")

    async def docs(_call: Call) -> Response:
        return Response(page(endpoints), media_type="text/html", headers={"Content-Security-Policy": POLICY})

    def endpoint(path: str, name: str, handler: Any, media_type: str, summary: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=path,
            name=name,
            handler=handler,
            mode=Mode.ASYNC,
            auth=Auth.NONE,
            tag="Operation",
            summary=summary,
            wrap=False,
            media_type=media_type,
        )

    return (
        endpoint("/openapi.json", "openapi", openapi, "application/json", "OpenAPI 3.1"),
        endpoint("/docs", "docs", docs, "text/html", "This API as a page"),
    )
