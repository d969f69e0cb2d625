"""Questions in plain language about a repository's GitHub, CircleCI or Linear, answered as a stream.

Source: contracts/sx.md R10 and 1.4. It knows no HTTP of ours: `stream` gives frames, `events` their bytes.
"""

from __future__ import annotations

from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.sse import MEDIA_TYPE, events
from dynamic_api.ai_query.stream import stream

__all__ = ["MEDIA_TYPE", "AiQuery", "events", "stream"]
