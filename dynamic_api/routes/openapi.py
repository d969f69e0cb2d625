"""The OpenAPI document, made from the declarations that check requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.responses import Response

from dynamic_api.context import Context
from dynamic_api.routes.answers import STATUS
from dynamic_api.routes.docs_page import POLICY, TITLE, page
from dynamic_api.routes.endpoint import PARAMETER, Auth, Call, Endpoint, Mode

_REF = "#/components/schemas/{name}"
_WITH_KEY = (Auth.KEY, Auth.UPLOAD)
_COMMON = dict.fromkeys((Auth.ANONYMOUS, Auth.KEY, Auth.UPLOAD), (401, 403, 429))


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
        path = PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, by_form)
    bearer = {"type": "http", "scheme": "bearer", "description": "sk_live_…"}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": "Errors are always `{error: {code, …}}`."},
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
        for name in PARAMETER.findall(endpoint.path)
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
        refusals |= dict.fromkeys((400, 408, 413, 415), ())
    if endpoint.query is not None or "{" in endpoint.path:
        refusals |= {400: ()}
    if endpoint.costs:
        refusals |= {402: (), 409: ()}
    refusals |= {500: (), 503: (), **endpoint.errors}  # type: ignore[dict-item]
    reasons = {status: kind.__doc__ for kind, status in STATUS.items()}
    for status, codes in sorted(refusals.items()):
        text = (reasons.get(status) or "The server failed.").partition(":")[0]
        text += f" ({', '.join(codes)})" if codes else ""
        content = _fault(endpoint, by_form)
        answers.setdefault(str(status), {"description": text, "content": content})
    return answers


def _fault(endpoint: Endpoint, by_form: Mapping[int, Any]) -> dict[str, Any]:
    """What an error looks like; a route that writes its own says only in which media type."""
    if endpoint.refusal is None:
        return {"application/json": {"schema": by_form[id(FaultAnswer)]}}
    return {"text/html" if endpoint.media_type == "text/html" else "application/json": {}}


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
