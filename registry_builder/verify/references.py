"""What the files of a bucket name: each reference of each format, with the digests that it promises."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from registry_builder.core.artifact import OWN, pack
from registry_builder.core.artifact import read as read_zip
from registry_builder.core.folder import File
from registry_builder.core.key import digest, download_key

MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What a reader raises, besides Unfit, for a file that is not in its format."""

_CHUNKS = 2**20
_LINK = re.compile(r"""<(?:a|link|script|img)\b[^<>]*?\s(?:href|src)="([^"]*)\"""")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#|$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """`key` as some file names it; digests are lower-case hex, None where the format states none.

    `offers` is a version that the packument at `key` has to list.
    """

    key: str
    sha256: str | None = None
    sha512: str | None = None
    sha1: str | None = None
    size: int | None = None
    offers: str | None = None


def references(key: str, body: bytes, base_url: str) -> Iterator[Reference]:
    """Every reference in the file at `key`. Raises one of MALFORMED, or Unfit for a bad archive."""
    for pattern, reader in _READERS:
        if found := pattern.fullmatch(key):
            for reference in reader(found, body):
                yield _absolute(reference, base_url)
            return


def key_of(url: str, base_url: str) -> str:
    """The key that `url` stands for. Raises ValueError for one that is not below `base_url`."""
    path, base = urlsplit(url), urlsplit(base_url)
    prefix = f"{base.path.rstrip('/')}/"
    if (path.scheme, path.netloc) != (base.scheme, base.netloc) or not path.path.startswith(prefix):
        raise ValueError(f"{url} is not below {base_url}")
    return unquote(path.path.removeprefix(prefix))


def offered(key: str, body: bytes) -> list[str]:
    """What a packument offers, as key@version."""
    return [f"{key}@{version}" for version in json.loads(body)["versions"]]


def _absolute(reference: Reference, base_url: str) -> Reference:
    url = reference.key
    return replace(reference, key=key_of(url, base_url) if "://" in url else url.lstrip("/"))


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _marketplace(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for plugin in json.loads(body)["plugins"]:
        source = plugin["source"]
        _expect(source["source"] in {"archive", "npm"}, f"{plugin['name']} has an unknown source")
        if source["source"] == "archive":
            yield Reference(source["url"], sha256=source["sha256"])
        else:
            yield Reference(f"{source['registry']}{source['package']}", offers=source["version"])


def _packument(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    packument = json.loads(body)
    _expect(packument["name"] == found[1], f"calls itself {packument['name']}")
    for tag, version in packument["dist-tags"].items():
        _expect(version in packument["versions"], f"the tag {tag} names {version}, which is no version")
    for number, version in packument["versions"].items():
        _expect((version["name"], version["version"]) == (found[1], number), f"{number} is of another name")
        dist = version["dist"]
        algorithm, _, value = dist["integrity"].partition("-")
        _expect(algorithm == "sha512", f"{number} has an integrity of {algorithm}")
        sha512 = base64.b64decode(value, validate=True).hex()
        yield Reference(dist["tarball"], sha512=sha512, sha1=dist["shasum"])


def _discovery(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        algorithm, _, sha256 = entry["digest"].partition(":")
        _expect(algorithm == "sha256", f"{entry['name']} has a digest of {algorithm}")
        yield Reference(entry["url"], sha256=sha256)


def _old_discovery(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        for path in entry["files"]:
            yield Reference(f".well-known/skills/{entry['name']}/{path}")


def _lock(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    rows: list[dict[str, Any]] = tomllib.loads(body.decode()).get("assets", [])
    names = {row["name"] for row in rows}
    for row in rows:
        for needed in row.get("dependencies", ()):
            _expect(needed["name"] in names, f"{row['name']} depends on {needed['name']}, which is no row")
        source = row["source-http"]
        yield Reference(source["url"], sha256=source["hashes"]["sha256"], size=source["size"])


def _list(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    for version in body.decode().split():
        folder = f"api/skills/assets/{found[1]}/{version}"
        yield Reference(f"{folder}/metadata.toml")
        yield Reference(f"{folder}/{found[1]}-{version}.zip")


def _skill(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    data = json.loads(body)["data"]
    _expect(data["skill"]["slug"] == found[1], f"is about {data['skill']['slug']}")
    if download := data["download"]:
        yield Reference(download["url"], sha256=download["content_sha"], size=download["content_size"])


def _document(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    document = json.loads(body)
    _expect(document["name"] == found[1], f"is about {document['name']}")
    if document["url"]:
        yield Reference(document["url"])


def _index(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        yield Reference(f"api/v1/index/{entry['name']}.json")
        yield Reference(download_key(entry["name"], entry["sha256"]), sha256=entry["sha256"])


def _schema(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    yield Reference(json.loads(body)["$id"])


def _clawhub(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    answer, base = json.loads(body), f"clawhub/{found[1]}/api/v1"
    _expect(answer["skill"]["slug"] == found[1], f"is about {answer['skill']['slug']}")
    yield Reference(f"{base}/resolve")
    if answer["latestVersion"]:
        yield Reference(f"{base}/download")


def _clawhub_zip(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    yield Reference(download_key(found[1], digest(body)), sha256=digest(body), size=len(body))


def _copilot(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    """Each plugin of the zip packed alone is an artifact, whose digest is its address."""
    files = {file.path: file for file in read_zip(body, OWN)}
    plugins = json.loads(files.pop(".claude-plugin/marketplace.json").data)["plugins"]
    for plugin in plugins:
        name, head = plugin["name"], f"plugins/{plugin['name']}/"
        _expect(plugin["source"] == f"./plugins/{name}", f"{name} has the source {plugin['source']}")
        own = [files.pop(path) for path in list(files) if path.startswith(head)]
        alone = pack([File(file.path.removeprefix(head), file.data, file.executable) for file in own])
        yield Reference(download_key(name, digest(alone)), sha256=digest(alone), size=len(alone))
    _expect(not files, f"{next(iter(files), '')} belongs to no plugin")


def _search(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for entry in json.loads(body)["skills"]:
        yield Reference(f"{entry['source']}/.well-known/agent-skills/index.json")


def _shards(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    index = json.loads(body)
    for prefix in index["shards"]:
        yield Reference(f"search/terms-{prefix}.json")
    _expect(0 <= index["chunks"] <= _CHUNKS, f"has {index['chunks']} chunks")
    for number in range(index["chunks"]):
        yield Reference(f"search/names-{number}.json")


def _sitemap(_: re.Match[str], body: bytes) -> Iterator[Reference]:
    for url in re.findall(r"<loc>([^<]+)</loc>", body.decode()):
        yield Reference(url.replace("&amp;", "&"))


def _page(found: re.Match[str], body: bytes) -> Iterator[Reference]:
    """The links to other keys, which are relative; others are out of a text, and lead where they like."""
    for link in set(_LINK.findall(body.decode())):
        path = unescape(link)
        if not _ELSEWHERE.match(path):
            yield Reference(unquote(urlsplit(urljoin(f"http://page/{quote(found[0])}", path)).path))


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], bytes], Iterator[Reference]]], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (r"marketplace(?:-npm)?\.json|marketplace/collections/[^/]+\.json", _marketplace),
        (r"npm/(@[^/]+/[^/]+)", _packument),
        (r"(?:s/[^/]+/)?\.well-known/agent-skills/index\.json", _discovery),
        (r"\.well-known/skills/index\.json", _old_discovery),
        (r"sx/[^/]+/api/skills/sx\.lock", _lock),
        (r"api/skills/assets/([^/]+)/list\.txt", _list),
        (r"api/v1/skills/([^/]+)", _skill),
        (r"api/v1/index/([^/]+)\.json", _document),
        (r"api/v1/index\.json", _index),
        (r"schemas/[^/]+\.json", _schema),
        (r"clawhub/([^/]+)/api/v1/skills/[^/]+", _clawhub),
        (r"clawhub/([^/]+)/api/v1/download", _clawhub_zip),
        (r"copilot/[^/]+\.zip", _copilot),
        (r"api/search", _search),
        (r"search/index\.json", _shards),
        (r"sitemap[^/]*\.xml", _sitemap),
        (r"(?!static/|\.well-known/).+\.html", _page),
    )
)
