"""One file and a few texts out of a multipart body, read whole under a cap."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header
from starlette.requests import ClientDisconnect, Request

from dynamic_api.errors import Invalid, TooLarge, TooSlow, WrongType

INVALID = "validation_error"
BODY_SECONDS = 20.0
SLOWEST = 32 * 1024
"""Bytes a second that a client must send of the largest body, beside BODY_SECONDS."""
_PARTS = 32
ONE = "send exactly one file, as the part file"
_MOST_OF_A_TEXT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """The file of a body, its name, and the text fields."""

    data: bytes
    filename: str
    fields: Mapping[str, str]


async def raw_body(request: Request, most: int, begins: float = BODY_SECONDS) -> bytes:
    """The body, `most` bytes at the most. Raises TooLarge before more is read, Invalid when it ends early,
    TooSlow when it is not there after `begins` seconds and what `most` bytes may take.
    """
    seconds = begins + most / SLOWEST
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, most)
    except TimeoutError as error:
        message = f"the body was not there after {seconds:.0f} seconds"
        # What still comes is nothing that we want to hear.
        closed = {"Connection": "close"}
        raise TooSlow(
            "body_too_slow", message, place="body", mend="send it faster", headers=closed
        ) from error


async def _read(request: Request, most: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > most:
        raise too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise too_large(most)
            parts.append(part)
    except ClientDisconnect as error:
        raise Invalid("truncated_body", "the body ended early", place="body", mend="send it whole") from error
    return b"".join(parts)


def boundary_of(request: Request) -> bytes:
    """What stands between the parts. Raises WrongType for another media type, Invalid without a boundary."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        media_type = kind.decode("latin-1") or "no media type"
        raise WrongType(
            "unsupported_media_type",
            f"{media_type} is not read here",
            place="header.Content-Type",
            mend="send multipart/form-data with the part file",
        )
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise Invalid(
            INVALID, "names no boundary", place="header.Content-Type", mend="let your HTTP library set it"
        )
    return boundary


def parse(raw: bytes, boundary: bytes) -> Form:
    """The parts of `raw`. Raises Invalid unless it is whole and holds exactly one file, as `file`."""
    texts: list[Field] = []
    files: list[File] = []
    config = {"MAX_MEMORY_FILE_SIZE": len(raw) + 1}
    try:
        parser = FormParser(
            "multipart/form-data", texts.append, files.append, boundary=boundary, config=config
        )
        parser.write(raw)
        parser.finalize()
    except FormParserError as error:
        raise Invalid(INVALID, f"not a form: {error}", place="body", mend="send one file") from error
    if raw and b"--%s--" % boundary not in raw:
        raise Invalid("truncated_body", "the form has no end", place="body", mend="send it whole")
    if len(texts) > _PARTS:
        raise Invalid(INVALID, f"{len(texts)} fields were sent", place="body", mend=f"send at most {_PARTS}")
    if len(files) > 1:
        raise Invalid(INVALID, f"{len(files)} files were sent", place="form.file", mend=ONE)
    if len(files) != 1 or files[0].field_name != b"file":
        raise Invalid(INVALID, "is missing", place="form.file", mend=ONE)
    files[0].file_object.seek(0)
    data = files[0].file_object.read()
    name = (files[0].file_name or b"").decode("utf-8", "replace")
    return Form(data, name, {_text(item.field_name): _text(item.value) for item in texts})


def _text(value: bytes | None) -> str:
    if value is not None and len(value) > _MOST_OF_A_TEXT:
        raise too_large(_MOST_OF_A_TEXT)
    try:
        text = (value or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(INVALID, "is not UTF-8", place="body", mend="send UTF-8") from error
    if "\0" in text:
        raise Invalid(INVALID, "holds the character NUL", place="body", mend="leave it out")
    return text


def too_large(most: int) -> TooLarge:
    """The refusal of a body over `most` bytes."""
    return TooLarge("payload_too_large", f"more than {most} bytes", place="body", mend="send less")
