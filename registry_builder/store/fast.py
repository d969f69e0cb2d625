"""Small objects to S3 by obstore, which spends a tenth of boto3's processor time on each (ADR 0015)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_builder.core.errors import Busy, Trouble

_FRESH = timedelta(minutes=10)  # obstore asks again in the last five, up to ten times a second
_TRIED_AGAIN = 3
_TOO_LONG = timedelta(seconds=60)


class FastPut:
    """PUTs into `bucket` with the endpoint, region, time limits and credentials of boto3.

    A request is tried `attempts` times, but four at most. Whatever goes wrong but a condition that does not
    hold is a plain Trouble: boto3 tries again then, and names what it was.
    """

    def __init__(self, meta: Any, bucket: str, credentials: Any, attempts: int) -> None:
        from obstore.store import S3Store

        endpoint = meta.endpoint_url
        read = timedelta(seconds=meta.config.read_timeout)
        retry: Any = {"max_retries": min(attempts - 1, _TRIED_AGAIN), "retry_timeout": _TOO_LONG}
        self._store = S3Store(
            bucket,
            config={
                "endpoint": endpoint,
                "region": meta.region_name or "us-east-1",
                "virtual_hosted_style_request": False,
                "checksum_algorithm": "SHA256",
                "conditional_put": "etag",
            },
            client_options={
                "connect_timeout": timedelta(seconds=meta.config.connect_timeout),
                "read_timeout": read,
                "timeout": 5 * read,
                "allow_http": endpoint.startswith("http://"),
            },
            retry_config=retry,
            credential_provider=_lent(credentials),
        )

    def put(self, path: str, body: bytes, about: Mapping[str, str], expect: str | None) -> str:
        """Write `body` with the headers and metadata `about` it; gives its ETag. Raises Busy, Trouble."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        mode: Any = {None: "overwrite", "": "create"}.get(expect, {"e_tag": expect})
        try:
            done = obstore.put(
                self._store, path, body, attributes=dict(about), mode=mode, use_multipart=False
            )
        except (AlreadyExistsError, PreconditionError) as error:
            raise Busy("changed", "somebody else changed it", place=path, mend="run again") from error
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            raise Trouble("s3-error", "the fast path failed", place=path) from error
        if not done["e_tag"]:
            raise Trouble("s3-error", "the answer has no ETag", place=path)
        return str(done["e_tag"])


def fast_put(session: Any, client: Any, bucket: str, attempts: int) -> FastPut | None:
    """The fast path for `bucket`; None without obstore, without credentials, or for an access point."""
    credentials = session.get_credentials()
    if importlib.util.find_spec("obstore") is None or credentials is None:
        return None
    if ":" in bucket or bucket.endswith("--x-s3"):
        return None
    return FastPut(client.meta, bucket, credentials, attempts)


def _lent(credentials: Any) -> Callable[[], Any]:
    """Gives `credentials`, which botocore renews in their last ten minutes, for ten minutes at most."""

    def provide() -> dict[str, object]:
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _FRESH,
        }

    return provide
