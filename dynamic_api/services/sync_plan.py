"""Sync: what has to happen to one skill, as a table without a database (contracts/skillzdrive.md 5.2)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from dynamic_api.settings import MIB, Credits

CLAIM_PUBLIC = "claim_public"
UPLOAD_PRIVATE = "upload_private"
UPLOAD_UPDATE = "upload_update"
DOWNLOAD_INSTALL = "download_install"
DOWNLOAD_UPDATE = "download_update"
CONFLICT = "conflict"
REMOVED_REMOTE = "removed_remote"
REMOVED_LOCAL = "removed_local"
WITHDRAWN = "withdrawn"

PUSH, PULL, NONE = "push", "pull", "none"
UPLOADS = frozenset({UPLOAD_PRIVATE, UPLOAD_UPDATE})
DOWNLOADS = frozenset({DOWNLOAD_INSTALL, DOWNLOAD_UPDATE})
DIRECTIONS = {
    CLAIM_PUBLIC: PUSH,
    UPLOAD_PRIVATE: PUSH,
    UPLOAD_UPDATE: PUSH,
    DOWNLOAD_INSTALL: PULL,
    DOWNLOAD_UPDATE: PULL,
}
REASONS = {
    CLAIM_PUBLIC: "A published skill: free to claim.",
    UPLOAD_PRIVATE: "Only on this machine: to be uploaded as a private skill.",
    UPLOAD_UPDATE: "Changed on this machine: to be uploaded as the next version.",
    DOWNLOAD_INSTALL: "On the drive, and not on this machine.",
    DOWNLOAD_UPDATE: "The drive has another version than this machine got from it.",
    CONFLICT: "Changed on both sides: keep the local one, take the drive's, or keep both under two names.",
    REMOVED_REMOTE: "It was on the drive, and is gone there. Nothing is deleted here.",
    REMOVED_LOCAL: "It was removed from this machine. Nothing is deleted on the drive.",
}

# Python's `$` also fits before a line feed at the end; other languages do not mind the rest.
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=64)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Size = Annotated[int, Meta(ge=0, le=2**53)]
Action = Literal[
    "claim_public",
    "upload_private",
    "upload_update",
    "download_install",
    "download_update",
    "conflict",
    "removed_remote",
    "removed_local",
    "withdrawn",
]


class Classification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to happen to one skill. `content_sha` is that of the side which has it to give: on a push the
    machine's, on a pull the drive's; it lets execute see that something changed in between."""

    slug: Slug
    direction: Literal["push", "pull", "none"]
    action: Action
    credits_required: Size
    canonical_skill_id: Annotated[str, Meta(max_length=36)] | None
    reason: Annotated[str, Meta(max_length=2000)]
    content_sha: Digest | None = None


def decide(local: str | None, hosted: str | None, known: str | None, *, owned: bool) -> str | None:
    """The action for the three digests; None when there is nothing to do.

    What only the machine has becomes `claim_public` where the marketplace has it, which is not known here.
    `known` is what the machine last saw on the drive: the base of a three-way merge.
    """
    if local is None and hosted is None:
        return None
    if hosted is None:
        return UPLOAD_PRIVATE if known is None else REMOVED_REMOTE
    if local is None:
        return DOWNLOAD_INSTALL if known is None else REMOVED_LOCAL
    if local == hosted:
        return None
    if local == known:
        return DOWNLOAD_UPDATE
    return UPLOAD_UPDATE if hosted == known and owned else CONFLICT


def classified(
    slug: str,
    action: str,
    *,
    price: int = 0,
    skill_id: str | None = None,
    sha256: str | None = None,
    reason: str | None = None,
) -> Classification:
    """A classification in its usual words."""
    return Classification(
        slug=slug,
        direction=DIRECTIONS.get(action, NONE),  # type: ignore[arg-type]
        action=action,  # type: ignore[arg-type]
        credits_required=price,
        canonical_skill_id=skill_id,
        reason=reason or REASONS[action],
        content_sha=sha256,
    )


def upload_price(size: int, prices: Credits) -> int:
    """What uploading `size` bytes costs (4.2)."""
    return prices.upload_base + prices.upload_per_mib * (size // MIB)
