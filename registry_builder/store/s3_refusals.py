"""What an S3 server or client refuses, as our own errors: each with a code and a mend."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from registry_builder.core.errors import Busy, Missing, Refusal, Trouble

_ABSENT = frozenset(("404", "NoSuchKey", "NotFound"))
_CHANGED = frozenset(("412", "PreconditionFailed", "409", "ConditionalRequestConflict"))
_UNSUPPORTED = frozenset(("501", "NotImplemented"))
_MENDS = {
    "AccessDenied": (
        "no-permission",
        "give this identity s3:GetObject, PutObject, DeleteObject and ListBucket",
    ),
    "403": ("no-permission", "give this identity s3:GetObject, PutObject, DeleteObject and ListBucket"),
    "ExpiredToken": (
        "expired-credentials",
        "renew the credentials and run again: what was written stays right",
    ),
    "InvalidAccessKeyId": ("bad-credentials", "look at the AWS credentials in the environment or profile"),
    "SignatureDoesNotMatch": ("bad-credentials", "look at the AWS credentials in the environment or profile"),
    "RequestTimeTooSkewed": ("clock-skew", "set this machine's clock"),
    "NoSuchBucket": ("no-bucket", "make the bucket first; skillpress never does"),
}


_NO_CREDENTIALS = (
    ConfigParseError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)


def refusal_of(error: ClientError | BotoCoreError, key: str) -> Refusal:
    """`error` about `key` in our words: Missing, Busy or Trouble."""
    if isinstance(error, _NO_CREDENTIALS):
        return Trouble(
            "no-credentials", f"no AWS credentials: {error}", place=key, mend="see docs/publish.md"
        )
    if isinstance(error, BotoCoreError):
        return Trouble(
            "no-endpoint", str(error), place=key, mend="look at endpoint_url, region and the network"
        )
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _ABSENT:
        return Missing("no-key", "no such key", place=key)
    if code in _CHANGED:
        return Busy("changed", "somebody else changed it", place=key, mend="run again")
    if code in _UNSUPPORTED:
        return Trouble("unsupported", "this server does not know that request", place=key)
    found, mend = _MENDS.get(code, ("s3-error", "run again; what was written stays right"))
    return Trouble(
        found, f"{code}: {error.response.get('Error', {}).get('Message', '')}", place=key, mend=mend
    )
