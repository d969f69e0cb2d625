"""Who calls: a key and its owner, as every service sees them."""

from __future__ import annotations

from msgspec import Struct

from dynamic_api.errors import Forbidden

ALL_SKILLS, SCOPED, UPLOAD_ONLY = "all_skills", "scoped", "upload_only"
BOT = "bot"
"""The kind of a bot's key, which is in a table of its own."""
USER, MODERATOR, ADMIN = "user", "moderator", "admin"


class Caller(Struct, frozen=True, kw_only=True):
    """A key that holds (contracts/skillzdrive.md 3). `allowed` is None for all skills."""

    user_id: str
    email: str
    role: str
    tier: str
    key_id: str
    key_name: str
    key_kind: str
    key_prefix: str
    allowed: frozenset[str] | None
    include_team: bool
    include_shared: bool
    rate_limit_per_minute: int | None
    expires_at: int | None
    bot_slug: str | None = None
    """Of a bot's key: then `user_id` is the bot's, and there is no account."""

    @property
    def is_bot(self) -> bool:
        """Whether a bot calls: only what is for sx is open to it."""
        return self.bot_slug is not None

    @property
    def is_staff(self) -> bool:
        """Whether monthly limits do not hold for this account."""
        return self.role in {MODERATOR, ADMIN}


class Trace(Struct, frozen=True, kw_only=True):
    """How a call came in, for the audit log."""

    request_id: str = ""
    address: str = ""
    user_agent: str = ""
    session_id: str | None = None


def require_all_skills(caller: Caller) -> None:
    """Raise Forbidden for a key that sees a part of the drive only."""
    if caller.allowed is not None:
        raise Forbidden(
            "all_skills_key_required",
            "this key sees a part of the drive only",
            mend="call with an all-skills key",
        )
