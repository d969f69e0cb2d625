"""Proves the signatures of a bucket, from a root that the verifier got by another way than the bucket.

The steps are those of the TUF specification 1.0, section 5, taken by python-tuf's own set of trusted
metadata; each is taken against the bytes in the bucket, never answered from what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import (
    EqualVersionNumberError,
    LengthOrHashMismatchError,
    RepositoryError,
)
from tuf.api.metadata import MetaFile, TargetFile, Targets
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType, UpdaterConfig

from registry_builder.core.errors import Foreign, Missing, Misuse
from registry_builder.core.key import TIMESTAMP_KEY, node_key
from registry_builder.core.revoked import REVOKED_KEY
from registry_builder.previous import read_pointer
from registry_builder.store.base import Reader
from registry_builder.trust.kept import Kept
from registry_builder.trust.metadata import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    metadata_key,
)
from registry_builder.trust.verdict import expired, forgotten, judged, other

_LIMITS = UpdaterConfig()
_MOST_ROOTS = 256


@dataclass(frozen=True, slots=True)
class TrustFault:
    """One thing that cannot be trusted: `kind` is stable, `key` the exact place."""

    kind: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class TrustReport:
    """What the signatures say: the signed root node, versions by role, the first end. No fault: trust it."""

    root: str | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    until: datetime | None = None
    faults: tuple[TrustFault, ...] = ()


def check_trust(reader: Reader, trusted_root: bytes, now: datetime, state: Path | None) -> TrustReport:
    """Follow the signatures from `trusted_root` to the root node that release.json names.

    `state` is a folder that remembers what was seen: with it a bucket that went back in time is refused.
    Raises Misuse when `trusted_root` is no root, Foreign when `state` cannot be used, Trouble when the
    bucket cannot be read. Everything that is wrong with the bucket is a fault.
    """
    walk = _Walk(reader, _trusted(trusted_root, now), Kept(state))
    walk.kept.check(trusted_root, walk.trusted.root.version)
    walk.kept.keep(f"{walk.trusted.root.version}.{ROOT}.json", trusted_root)
    try:
        walk.roots()
        walk.timestamp()
        walk.snapshot()
        walk.targets()
    except (Foreign, Missing) as error:
        return TrustReport(versions=walk.versions(), faults=(_fault(error),))
    return walk.report()


def how_signed(reader: Reader) -> str:
    """One line on whether a bucket carries signatures at all; nothing is proven by it."""
    try:
        reader.get(TIMESTAMP_KEY)
    except Missing:
        return "not signed: what is served is as trustworthy as the server (TLS and sha256 only)"
    return "signed, and not checked: give --trust root.json"


def _trusted(body: bytes, now: datetime) -> TrustedMetadataSet:
    try:
        trusted = TrustedMetadataSet(body, EnvelopeType.METADATA)
    except (RepositoryError, ValueError) as error:
        mend = "give the root.json that the registry's owner handed out"
        raise Misuse("bad-trusted-root", "is no TUF root", place="--trust", mend=mend) from error
    trusted.reference_time = now
    return trusted


def _fault(error: Foreign | Missing) -> TrustFault:
    mend = f" ({error.mend})" if error.mend else ""
    return TrustFault(error.code, error.place, f"{error.message}{mend}")


@dataclass(slots=True)
class _Walk:
    reader: Reader
    trusted: TrustedMetadataSet
    kept: Kept

    def roots(self) -> None:
        """Every root after the trusted one. One that was seen before has to be there still."""
        for _ in range(_MOST_ROOTS):
            version = self.trusted.root.version + 1
            key = metadata_key(ROOT, version)
            seen, body = self.kept.root(version), self._root_body(key)
            if body is None and seen is None:
                break
            if seen is not None and body != seen:
                message = "differs from the root of that number that was seen before, or is gone"
                raise Foreign("rolled-back", message, place=key)
            with judged(key, ROOT):
                self.trusted.update_root(body or b"")
            self.kept.keep(f"{version}.{ROOT}.json", body or b"")
        if self.trusted.root.is_expired(self.trusted.reference_time):
            key = metadata_key(ROOT, self.trusted.root.version)
            raise expired(key, ROOT, self.trusted.root.expires)

    def _root_body(self, key: str) -> bytes | None:
        try:
            return self._get(key, _LIMITS.root_max_length)
        except Missing:
            return None

    def timestamp(self) -> None:
        """The timestamp, not older than the kept one. One of a key that was replaced since is forgotten."""
        kept = self.kept.timestamp
        if kept is not None:
            with forgotten():
                self.trusted.update_timestamp(kept)
        try:
            body = self._get(TIMESTAMP_KEY, _LIMITS.timestamp_max_length)
        except Missing as error:
            message = "is not there, so nothing is signed"
            raise Missing("not-signed", message, place=TIMESTAMP_KEY, mend="skillpress sign") from error
        with judged(TIMESTAMP_KEY, TIMESTAMP):
            try:
                self.trusted.update_timestamp(body)
            except EqualVersionNumberError:
                if body != kept:
                    message = "differs from the timestamp of that number that was seen before"
                    raise Foreign("rolled-back", message, place=TIMESTAMP_KEY) from None
        self.kept.keep(f"{TIMESTAMP}.json", body)
        if self.trusted.timestamp.is_expired(self.trusted.reference_time):
            raise expired(TIMESTAMP_KEY, TIMESTAMP, self.trusted.timestamp.expires)

    def snapshot(self) -> None:
        """The snapshot that the timestamp names; no role in it older than in the kept one."""
        kept = self.kept.snapshot
        if kept is not None:
            with forgotten():
                self.trusted.update_snapshot(kept, trusted=True)
        meta = self.trusted.timestamp.snapshot_meta
        key = metadata_key(SNAPSHOT, meta.version)
        body = self._named(key, meta, _LIMITS.snapshot_max_length)
        with judged(key, SNAPSHOT):
            self.trusted.update_snapshot(body)
        self.kept.keep(f"{SNAPSHOT}.json", body)

    def targets(self) -> None:
        """The targets, and the releases that they delegate to."""
        for role, above in ((TARGETS, ROOT), (RELEASES, TARGETS)):
            meta = self.trusted.snapshot.meta.get(f"{role}.json")
            if meta is None:
                key = metadata_key(SNAPSHOT, self.trusted.snapshot.version)
                raise Foreign("bad-metadata", f"does not name {role}", place=key)
            key = metadata_key(role, meta.version)
            body = self._named(key, meta, _LIMITS.targets_max_length)
            with judged(key, role):
                self.trusted.update_delegated_targets(body, role, above)

    def report(self) -> TrustReport:
        """The signed targets against the bytes in the bucket, and against what release.json names."""
        key = metadata_key(RELEASES, self._releases.version)
        faults = [_fault(error) for error in self._wrong_targets(key)]
        roots = [path.removeprefix("r/") for path in self._releases.targets if path.startswith("r/")]
        if len(roots) != 1:
            faults.append(TrustFault("bad-metadata", key, f"signs {len(roots)} root nodes in place of one"))
        elif not faults:
            faults += self._against_pointer(roots[0])
        signed = (self.trusted.root, self.trusted.timestamp, self.trusted.snapshot, self.trusted.targets)
        until = min(metadata.expires for metadata in (*signed, self._releases))
        return TrustReport(roots[0] if len(roots) == 1 else None, self.versions(), until, tuple(faults))

    def versions(self) -> dict[str, int]:
        """Version by role, as far as the walk came."""
        roles = (ROOT, TARGETS, RELEASES, SNAPSHOT, TIMESTAMP)
        return {role: self.trusted[role].version for role in roles if role in self.trusted}

    @property
    def _releases(self) -> Targets:
        found = self.trusted[RELEASES]
        if not isinstance(found, Targets):
            raise AssertionError("releases are targets")
        return found

    def _wrong_targets(self, place: str) -> Iterator[Foreign | Missing]:
        delegations = self.trusted.targets.delegations
        role = (delegations.roles or {}).get(RELEASES) if delegations else None
        for path, target in self._releases.targets.items():
            if role is None or not role.is_delegated_path(path):
                yield Foreign("bad-metadata", f"signs {path}, which is not delegated to it", place=place)
                continue
            if path != REVOKED_KEY and path != node_key(target.hashes.get("sha256", "")):
                yield Foreign("bad-metadata", f"signs {path} with another digest", place=place)
                continue
            try:
                self._check_target(path, target)
            except (Foreign, Missing) as error:
                yield error

    def _check_target(self, path: str, target: TargetFile) -> None:
        try:
            body = self.reader.get(path)
        except Missing as error:
            raise Missing("missing-target", "is signed, and it is not there", place=path) from error
        try:
            target.verify_length_and_hashes(body)
        except LengthOrHashMismatchError as error:
            raise Foreign("swapped-target", "holds other bytes than the signed ones", place=path) from error

    def _against_pointer(self, root: str) -> Iterator[TrustFault]:
        try:
            pointer = read_pointer(self.reader)
        except Foreign as error:
            yield _fault(error)
            return
        named = pointer.readable_root if pointer else None
        if named != root:
            message = f"names {node_key(named) if named else 'no root'}, and {node_key(root)} is signed"
            yield TrustFault("unsigned-release", "release.json", f"{message} (skillpress sign)")
        if REVOKED_KEY not in self._releases.targets and self._is_there(REVOKED_KEY):
            yield TrustFault("unsigned-revocations", REVOKED_KEY, "is not signed (skillpress sign)")

    def _is_there(self, key: str) -> bool:
        try:
            self.reader.get(key)
        except Missing:
            return False
        return True

    def _named(self, key: str, meta: MetaFile, limit: int) -> bytes:
        """The file that other metadata names, with the length and digest that it gives."""
        try:
            body = self._get(key, limit)
        except Missing as error:
            raise Missing("missing-metadata", "is named, and it is not there", place=key) from error
        try:
            meta.verify_length_and_hashes(body)
        except LengthOrHashMismatchError as error:
            raise other(key, body, meta.version) from error
        return body

    def _get(self, key: str, limit: int) -> bytes:
        body = self.reader.get(key)
        if len(body) > limit:
            raise Foreign("too-large", f"has {len(body)} bytes, at most {limit} make sense", place=key)
        return body
