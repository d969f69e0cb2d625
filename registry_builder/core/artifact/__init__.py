"""Artifacts: the canonical zip, the npm tarball, and a strict reader for zips that strangers send."""

from __future__ import annotations

from registry_builder.core.artifact.tgz import pack_tgz
from registry_builder.core.artifact.unwrap import unwrap
from registry_builder.core.artifact.zip_reader import OWN, Limits, read
from registry_builder.core.artifact.zip_writer import PROFILE, Member, assemble, member, pack

__all__ = ["OWN", "PROFILE", "Limits", "Member", "assemble", "member", "pack", "pack_tgz", "read", "unwrap"]
