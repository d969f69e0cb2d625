"""What the files of a bucket name: each reference of each format, with the digest that it promises."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Reference:
    """`key` as some file names it; a digest is lower-case hex, None where the format states none."""

    key: str
    sha256: str | None = None
    sha512: str | None = None
    size: int | None = None


Json = Mapping[str, object]


def references(key: str, body: bytes, base_url: str) -> Iterator[Reference]:
    """Every reference in the file at `key`. Raises ValueError or KeyError for one not in its form."""
    for pattern, reader in _READERS:
        found = re.fullmatch(pattern, key)
        if found:
            for reference in reader(found, body):
                yield _absolute(reference, base_url)
            return


def _absolute(reference: Reference, base_url: str) -> Reference:
    url = reference.key
    if "://" not in url:
        return Reference(url.lstrip("/"), reference.sha256, reference.sha512, reference.size)
    path, base = urlsplit(url), urlsplit(base_url)
    prefix = f"{base.path.rstrip('/')}/"
    if (path.scheme, path.netloc) != (base.scheme, base.netloc) or not path.path.startswith(prefix):
        raise ValueError(f"{url} is not below {base_url}")
    return Reference(
        unquote(path.path.removeprefix(prefix)), reference.sha256, reference.sha512, reference.size
    )


def _marketplace(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for plugin in json.loads(body)["plugins"]:
        source = plugin["source"]
        if source["source"] == "archive":
            yield Reference(source["url"], sha256=source["sha256"])
        elif source["source"] == "npm":
            yield Reference(f"npm/{source['package']}")


def _packument(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for version in json.loads(body)["versions"].values():
        dist = version["dist"]
        sha512 = base64.b64decode(dist["integrity"].removeprefix("sha512-")).hex()
        yield Reference(dist["tarball"], sha512=sha512)


def _discovery(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        yield Reference(entry["url"], sha256=entry["digest"].removeprefix("sha256:"))


def _old_discovery(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        for path in entry["files"]:
            yield Reference(f".well-known/skills/{entry['name']}/{path}")


def _lock(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for row in tomllib.loads(body.decode()).get("assets", ()):
        source = row["source-http"]
        yield Reference(source["url"], sha256=source["hashes"]["sha256"], size=source["size"])


def _list(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    for version in body.decode().split():
        folder = f"api/skills/assets/{found[1]}/{version}"
        yield Reference(f"{folder}/metadata.toml")
        yield Reference(f"{folder}/{found[1]}-{version}.zip")


def _skill(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    download = json.loads(body)["data"]["download"]
    if download:
        yield Reference(download["url"], sha256=download["content_sha"], size=download["content_size"])


def _index(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        yield Reference(f"api/v1/index/{entry['name']}.json")


_READERS: tuple[tuple[str, Callable[[re.Match[str], bytes], Iterator[Reference]]], ...] = (
    (r"marketplace(?:-npm)?\.json|marketplace/collections/[^/]+\.json", _marketplace),
    (r"npm/@[^/]+/[^/]+", _packument),
    (r"(?:s/[^/]+/)?\.well-known/agent-skills/index\.json", _discovery),
    (r"\.well-known/skills/index\.json", _old_discovery),
    (r"sx/[^/]+/api/skills/sx\.lock", _lock),
    (r"api/skills/assets/([^/]+)/list\.txt", _list),
    (r"api/v1/skills/[^/]+", _skill),
    (r"api/v1/index\.json", _index),
)
