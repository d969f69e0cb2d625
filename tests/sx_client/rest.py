"""The REST calls R1 to R9, each with exactly the status and content that sx takes. contracts/sx.md 1."""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sx_client import semver
from sx_client.cache import Cache
from sx_client.errors import BadAnswer, HttpError, NotFound, PermissionDenied, SxFailure, VersionExists
from sx_client.lock import Lock, Row, read_lock
from sx_client.wire import DOWNLOAD_SECONDS, Answer, Wire

MAGIC = b"PK\x03\x04"
_BOUNDARY = "sx-client-boundary-7d1f0c"
USAGE_TYPES = {"skill", "agent", "command", "mcp", "hook", "claude-code-plugin"}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What the server made of an upload: the slug that it kept."""

    name: str
    version: str
    is_first_version: bool
    url: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A role."""

    title: str
    slug: str
    description: str


def fetch_lock(wire: Wire, cache: Cache | None) -> Lock | None:
    """R1; None for 404, "nothing yet". Without a cache no ETag is sent."""
    etag = cache.etag(wire.base_url) if cache else None
    answer = wire.get("/api/skills/sx.lock", {"If-None-Match": etag} if etag else None)
    if answer.status == 404:
        return None
    if answer.status == 304:
        kept = cache.lock(wire.base_url) if cache and etag else None
        if kept is None or answer.body:
            raise BadAnswer("304 with a body, or for a request without If-None-Match")
        return read_lock(kept)
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    lock = read_lock(answer.text())
    if cache and (tag := answer.headers.get("etag")):
        cache.keep(wire.base_url, answer.text(), tag)
    return lock


def download(wire: Wire, row: Row) -> bytes:
    """R2: 200 only, a zip by its first bytes, size and hashes as the row has them."""
    answer = wire.send("GET", row.url, seconds=DOWNLOAD_SECONDS)
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    data = answer.body
    if not data.startswith(MAGIC):
        raise BadAnswer(f"{row.name}: no zip")
    if row.size and len(data) != row.size:
        raise BadAnswer(f"{row.name}: {len(data)} bytes, the lock says {row.size}")
    for algorithm, wanted in row.hashes.items():
        if hashlib.new(algorithm, data).hexdigest() != wanted:
            raise BadAnswer(f"{row.name}: its {algorithm} is not that of the lock")
    return data


def list_versions(wire: Wire, name: str) -> list[str]:
    """R3, oldest first by semver. Raises NotFound for 404, which ends `sx add`."""
    answer = wire.get(f"/api/skills/assets/{name}/list.txt")
    if answer.status == 404:
        raise NotFound("failed to get version list: asset not found")
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    return semver.sort(line.strip() for line in answer.text().splitlines() if line.strip())


def metadata(wire: Wire, name: str, version: str) -> dict[str, Any]:
    """R4; a zip in its place is read too."""
    answer = wire.get(f"/api/skills/assets/{name}/{version}/metadata.toml")
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    body = answer.body
    if body.startswith(MAGIC):
        body = unzip(body).get("metadata.toml", b"")
    try:
        table = tomllib.loads(body.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadAnswer(f"metadata.toml of {name} {version}: {error}") from error
    if not isinstance(table.get("asset", table.get("artifact")), dict):
        raise BadAnswer(f"metadata.toml of {name} {version} has no [asset]")
    return table


def fetch_zip(wire: Wire, name: str, version: str) -> bytes | None:
    """R5; None for any status but 200, while a 200 that is no zip ends the publishing."""
    answer = wire.get(f"/api/skills/assets/{name}/{version}/{name}-{version}.zip")
    if answer.status != 200:
        return None
    unzip(answer.body)
    return answer.body


def unzip(data: bytes) -> dict[str, bytes]:
    """Name → bytes of the files in a zip. Raises BadAnswer."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {item.filename: archive.read(item) for item in archive.infolist() if not item.is_dir()}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise BadAnswer(f"no zip: {error}") from error


def upload(wire: Wire, name: str, version: str, kind: str, data: bytes) -> Uploaded:
    """R6: the file, then name, version and type, in this order and nothing else."""
    content = f"multipart/form-data; boundary={_BOUNDARY}"
    answer = wire.post("/api/skills/assets", multipart(name, version, kind, data), {"Content-Type": content})
    table = _object(answer)
    asset: dict[str, Any] = table["asset"] if isinstance(table.get("asset"), dict) else {}
    error = str(table.get("error") or answer.body.decode(errors="replace"))
    if answer.status in {200, 201}:
        if table.get("success") is not True or not isinstance(asset.get("name"), str):
            raise BadAnswer(f"an upload that does not say success: {error}")
        first = asset.get("is_first_version", False)
        return Uploaded(asset["name"], str(asset.get("version", "")), first, str(asset.get("url") or ""))
    if answer.status == 403 or table.get("permission_denied") is True:
        raise PermissionDenied(error, table.get("skill_id"), table.get("skill_slug"))
    if answer.status == 409 or (answer.status >= 300 and "already exists" in str(table.get("error", ""))):
        raise VersionExists(error, asset.get("name"))
    raise SxFailure(error) if table.get("error") else HttpError(answer.status, answer.body)


def multipart(name: str, version: str, kind: str, data: bytes) -> bytes:
    """The form of an upload."""
    file = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}-{version}.zip"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    fields = "".join(
        f'\r\n--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}'
        for key, value in (("name", name), ("version", version), ("type", kind))
    )
    return file.encode() + data + f"{fields}\r\n--{_BOUNDARY}--\r\n".encode()


def report_usage(wire: Wire, events: Sequence[Mapping[str, str]]) -> None:
    """R7: 204 exactly; with any other status the queue is kept."""
    body = "\n".join(json.dumps(event) for event in events).encode()
    headers = {"Content-Type": "application/x-ndjson", **wire.authorization(even_empty=True)}
    answer = wire.post("/api/skills/usage", body, headers)
    if answer.status != 204:
        raise HttpError(answer.status, answer.body)


def profiles(wire: Wire) -> tuple[list[Profile], str | None]:
    """R8: all roles, and the slug of the active one."""
    answer = wire.get("/api/skills/sx.profiles")
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    table = _object(answer)
    if not isinstance(table.get("profiles"), list) or not isinstance(table.get("active"), str | None):
        raise BadAnswer("sx.profiles without the list of profiles, or with an odd active one")
    return [_profile(item) for item in table["profiles"]], table.get("active")


def set_profile(wire: Wire, slug: str | None) -> Profile | None:
    """R9. The role stands in `profile`; a bare one would make sx panic."""
    body = json.dumps({"slug": slug}).encode()
    answer = wire.post("/api/skills/sx.profiles/active", body, {"Content-Type": "application/json"})
    table = _object(answer)
    if answer.status == 404:
        raise NotFound(str(table.get("error") or "profile not found"))
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    found = table.get("profile")
    if (found is None) != (slug is None):
        raise BadAnswer("no `profile` in the answer: sx dereferences nil")
    return None if found is None else _profile(found)


def _profile(item: object) -> Profile:
    keys = ("title", "slug", "description")
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in keys):
        raise BadAnswer(f"{item!r} is no profile")
    return Profile(*(item[key] for key in keys))


def _object(answer: Answer) -> dict[str, Any]:
    """The body as a JSON object; empty when it is none, which only counts where one is needed."""
    try:
        table = json.loads(answer.body)
    except ValueError:
        table = None
    if not isinstance(table, dict):
        if answer.status in {200, 201}:
            raise BadAnswer(f"HTTP {answer.status} without a JSON object")
        return {}
    return table
