"""What the two protocols of models share: their settings, the errors of the SDKs, and strict reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx2
import msgspec

from dynamic_api.ai_query.config import AiQuery, setting
from dynamic_api.ai_query.wire import Excess, check_url
from dynamic_api.errors import TimedOut, Unavailable, Upstream

T = TypeVar("T")


def base_url(settings: AiQuery, vendor: str) -> str:
    """The model's address. Raises Invalid, and Unavailable when no model is named."""
    if not settings.model_name:
        mend = f"an operator sets {setting('model_name')}"
        raise Unavailable("no-model", "the language model has no name", mend=mend)
    return check_url(settings.model_url or vendor, "model_url")


def key(settings: AiQuery) -> str:
    """The model's key; local servers want none, but the SDKs insist on one."""
    return settings.model_key or "none"


def missing(kind: str) -> Unavailable:
    """The SDK is an extra."""
    mend = "an operator installs skillpress[ai]"
    return Unavailable("no-model-library", f"the library for {kind} is not installed", mend=mend)


def translated(error: Exception, settings: AiQuery) -> Unavailable:
    """What an SDK raised, as ours; only the status is told, since a body may repeat what we sent."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, Excess):
        cause = cause.__cause__
    if cause is not None:
        return Upstream("model-excess", f"the model's answer was not read: {cause}")
    if type(error).__name__ == "APITimeoutError":
        return TimedOut("model-timeout", f"the model did not answer within {settings.budget_seconds:g} s")
    status = getattr(error, "status_code", None)
    if status in {401, 403}:
        mend = f"an operator checks {setting('model_key')}"
        return Upstream("model-refused", f"the model's endpoint refuses our key (HTTP {status})", mend=mend)
    if status is not None:
        return Upstream(
            "model-failed", f"the model's endpoint answered HTTP {status}", mend="try again later"
        )
    mend = f"try again later, or check {setting('model_url')}"
    return Upstream("model-unreachable", f"cannot reach the model: {type(error).__name__}", mend=mend)


def read(response: httpx2.Response, form: type[T]) -> T:
    """The answer as `form`; the SDKs themselves take any JSON."""
    try:
        return msgspec.json.decode(response.content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the model's endpoint answered what cannot be understood: {str(error)[:200]}"
        mend = f"check {setting('model_url')} and {setting('model')}"
        raise Upstream("model-nonsense", message, mend=mend) from error


def arguments(value: Any) -> Mapping[str, object] | None:
    """Arguments of a call out of JSON text or a value; None when they are no object."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value or "{}")
        except (msgspec.DecodeError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
