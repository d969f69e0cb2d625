"""What the SDK of E2B raises, as errors of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dynamic_api.errors import Absent, Forbidden, Invalid, Limited, Refusal, TooLarge, Unavailable


@asynccontextmanager
async def translated(session: str, path: str = "") -> AsyncIterator[None]:
    """Errors of the SDK, and of the HTTP client that it lets through, as ours."""
    import e2b
    import httpx

    try:
        yield
    except (Refusal, asyncio.CancelledError):
        raise
    except e2b.RateLimitException as error:
        raise Limited(
            "sandbox_limited", "E2B allows no more at the moment", mend="try again later"
        ) from error
    except e2b.NotEnoughSpaceException as error:
        raise TooLarge("disk_full", "the disk of the session has no room for it", place=path) from error
    except (e2b.NotFoundException, e2b.FileNotFoundException) as error:
        if path:
            raise Absent("file_not_found", "there is no such file in this session", place=path) from error
        raise Absent("session_not_found", "there is no such session, or it is over", place=session) from error
    except e2b.InvalidArgumentException as error:
        if path:
            raise Forbidden("not_a_file", "only regular files are read", place=path) from error
        raise Invalid("bad_request", str(error), place=session) from error
    except e2b.AuthenticationException as error:
        raise Unavailable("sandbox_failed", "E2B does not accept the key of this server") from error
    except (e2b.SandboxException, httpx.HTTPError, OSError) as error:
        raise Unavailable("sandbox_failed", f"E2B: {error}", mend="try again in a moment") from error
