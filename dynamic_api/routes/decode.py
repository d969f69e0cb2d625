"""From bytes to declared values; what does not fit is refused with its place and mend."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request

from dynamic_api.errors import Invalid, WrongType
from dynamic_api.routes import fields
from dynamic_api.routes.header_fields import field_of

T = TypeVar("T", bound=Struct)
INVALID = "validation_error"
_AT = re.compile(r" - at `(?:key in )?\$?\.?(.*?)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_DIGITS = re.compile(r"[0-9]+")
# A backslash before it, and it is text about a NUL, not one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def json_body(request: Request, raw: bytes, form: type[T]) -> T:
    """`raw` as `form`. Raises Invalid, WrongType."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise WrongType(
            "unsupported_media_type",
            f"{media_type or 'no media type'} is not read here",
            place="header.Content-Type",
            mend="send application/json",
        )
    if (coding := field_of(request, b"content-encoding") or "identity").lower() != "identity":
        raise WrongType(
            "unsupported_media_type",
            f"{coding} is not decoded here",
            place="header.Content-Encoding",
            mend="send the JSON as it is",
        )
    refuse_nul(raw, "body")
    try:
        return msgspec.json.decode(raw or b"{}", type=form)
    except msgspec.ValidationError as error:
        raise explained(str(error), form, "body") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(INVALID, f"not JSON: {error}", place="body", mend="send one JSON object") from error


def query_values(request: Request, form: type[T]) -> T:
    """The query string as `form`. Raises Invalid."""
    values = dict(request.query_params)
    _require_text(values, "query")
    known = {name: value for name, value in values.items() if name in form.__struct_encode_fields__}
    for name in fields.whole_numbers(form) & known.keys():
        # msgspec also takes 1e3, 5.0 and null.
        if not _DIGITS.fullmatch(known[name]):
            raise explained(f"Expected digits - at `$.{name}`", form, "query")
    try:
        return msgspec.convert(known, form, strict=False)
    except msgspec.ValidationError as error:
        raise explained(str(error), form, "query") from error


def refuse_nul(raw: bytes, place: str) -> None:
    """Raise Invalid for JSON with the character NUL, which PostgreSQL cannot keep."""
    if _NUL.search(raw):
        raise Invalid(INVALID, "holds the character NUL", place=place, mend="leave it out")


def path_values(request: Request) -> Mapping[str, str]:
    """The parameters of the path. Raises Invalid for a NUL or for bytes that are not UTF-8."""
    values: Mapping[str, str] = request.path_params
    _require_text(values, "path")
    return values


def _require_text(values: Mapping[str, str], place: str) -> None:
    for name, value in values.items():
        if "\0" in value or (
            not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)
        ):
            raise Invalid(INVALID, "is not text", place=f"{place}.{name}", mend="send UTF-8 without NUL")


def explained(message: str, form: type[Struct], where: str) -> Invalid:
    """msgspec's message as an error with the place and, for a misspelt field, the nearest name."""
    at = _AT.search(message)
    place = f"{where}.{at[1]}" if at and at[1] else where
    text = _AT.sub("", message)
    unknown, missing = _UNKNOWN.search(text), _MISSING.search(text)
    if unknown:
        known = [item.encode_name for item in msgspec.structs.fields(form)]
        near = difflib.get_close_matches(unknown[1], known, 1, 0.4)
        mend = f"did you mean {near[0]}?" if near else f"leave it out; known are {', '.join(known)}"
        return Invalid(INVALID, "unknown field", place=f"{place}.{unknown[1]}", mend=mend, suggestions=near)
    if missing:
        return Invalid(INVALID, "is missing", place=f"{place}.{missing[1]}", mend="send it")
    said = fields.wanted(form, at[1] if at else "")
    return Invalid(INVALID, text, place=place, mend=f"send {said}" if said else "see /docs")
