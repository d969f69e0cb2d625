"""`sx add`: a folder becomes a zip and a version. contracts/sx.md 1.3, 1.6 and 6."""

from __future__ import annotations

import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from sx_client import graphql, rest, semver
from sx_client.errors import BadAnswer, PermissionDenied
from sx_client.rest import Uploaded
from sx_client.wire import Wire

PROMPTS = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}


@dataclass(frozen=True, slots=True)
class Published:
    """`uploaded` is None when the newest version has the same contents already."""

    name: str
    version: str
    uploaded: Uploaded | None


def publish(wire: Wire, folder: Path, name: str | None, version: str | None, kind: str) -> Published:
    """R3, R5 when there are versions, R6. Raises what `upload` raises."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    wanted = name or re.sub(r"-\d+\.\d+\.\d+$", "", folder.name)
    known = rest.list_versions(wire, wanted)
    if known:
        newest = rest.fetch_zip(wire, wanted, known[-1])
        if newest is not None and same(rest.unzip(newest), with_metadata(files, wanted, known[-1], kind)):
            return Published(wanted, known[-1], None)
    chosen = version or (semver.following(known[-1]) if known else "1")
    data = pack(with_metadata(files, wanted, chosen, kind))
    return Published(wanted, chosen, rest.upload(wire, wanted, chosen, kind, data))


def with_metadata(files: Mapping[str, bytes], name: str, version: str, kind: str) -> dict[str, bytes]:
    """`files` with a metadata.toml that has this name, version and type, and keeps what else is known."""
    table: dict[str, Any] = tomllib.loads(files.get("metadata.toml", b"").decode())
    table["asset"] = {**table.get("asset", {}), "name": name, "version": version, "type": kind}
    prompt = PROMPTS.get(kind)
    if prompt and kind not in table:
        table[kind] = {"prompt-file": prompt}
    if prompt and "description" not in table["asset"] and (text := files.get(prompt)):
        found = re.search(r"(?m)\A---\n(?:.*\n)*?description:\s*(.+)$", text.decode(errors="replace"))
        table["asset"] |= {"description": found[1].strip()} if found else {}
    return {**files, "metadata.toml": tomli_w.dumps(table).encode()}


def pack(files: Mapping[str, bytes]) -> bytes:
    """A zip as sx writes it: deflated, with entries for folders."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        folders = {str(parent) for path in files for parent in Path(path).parents} - {"."}
        entries: list[tuple[str, bytes, int]] = [(f"{path}/", b"", 0o40755) for path in folders]
        entries += [(path, data, 0o100644) for path, data in files.items()]
        for path, data, mode in sorted(entries):
            item = zipfile.ZipInfo(path)
            item.external_attr = mode << 16
            archive.writestr(item, data)
    return out.getvalue()


def same(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> bool:
    """Equal contents, whatever the zips look like: names and MD5, the version in the metadata left out."""
    return _contents(one) == _contents(other)


def _contents(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    blank = {
        path: re.sub(rb'(?m)^version\s*=\s*["\'].*["\']$', b"", data) if path == "metadata.toml" else data
        for path, data in files.items()
    }
    return sorted(
        (path, hashlib.md5(data, usedforsecurity=False).hexdigest()) for path, data in blank.items()
    )


def request_change(wire: Wire, denied: PermissionDenied, files: Mapping[str, bytes], title: str) -> str:
    """What sx offers after `permission_denied`: a change request with every file; its URL."""
    if not denied.skill_id:
        raise BadAnswer("permission_denied without skill_id: no change request can be made")
    payload = graphql.change(
        wire, "CreateAssetPullRequest", assetId=denied.skill_id, title=title, description=""
    )
    request = payload["pullRequest"]
    if request is None:
        raise BadAnswer("neither a change request nor errors")
    for path, data in sorted(files.items()):
        folder, _, name = path.rpartition("/")
        if path == "metadata.toml":
            continue
        content = data.decode(errors="replace")
        graphql.change(
            wire, "AddAssetPullRequestFileChange",
            pullRequestId=request["id"], name=name, path=folder or None, action="ADD", content=content,
        )  # fmt: skip
    return str(request["sourceUrl"])
