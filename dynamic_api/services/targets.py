"""Addresses that an account wants events sent to, looked at before they are kept."""

from __future__ import annotations

import asyncio

from dynamic_api.errors import Refusal, Unprocessable, Upstream
from dynamic_api.outbound import Outbound

PLACE = "target_url"


async def require_fit(client: Outbound, url: str, seconds: float) -> None:
    """Raise Invalid or Unprocessable for an address that nothing would be sent to."""
    try:
        async with asyncio.timeout(seconds):
            await client.check(url)
    except Upstream as error:
        raise Unprocessable(error.code, error.message, place=PLACE, mend=error.mend) from error
    except TimeoutError as error:
        message = "looking the name up took too long"
        raise Unprocessable("host_unknown", message, place=PLACE, mend="look at its DNS") from error
    except Refusal as error:
        raise type(error)(error.code, error.message, place=PLACE, mend=error.mend) from error
