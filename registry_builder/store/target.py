"""A store by its address: a folder, or `s3://bucket/prefix?endpoint_url=…&region=…`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from registry_builder.core.errors import Misuse
from registry_builder.store.base import Reader, Store
from registry_builder.store.filesystem import FilesystemStore

_OPTIONS = frozenset(("endpoint_url", "region"))


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket under `prefix` ("" or ending in a slash), at AWS or at another endpoint."""

    bucket: str
    prefix: str
    endpoint_url: str | None
    region: str | None


def open_store(address: str, *, single_writer: bool = False) -> Store:
    """The store at `address`, not entered yet. Raises Misuse for an address that makes no sense."""
    if "://" not in address:
        return FilesystemStore(Path(address))
    parts = urlsplit(address)
    if parts.scheme == "file":
        return FilesystemStore(Path(parts.path))
    from registry_builder.store.s3 import S3Store

    place = s3_place(address)
    return S3Store(
        place.bucket,
        place.prefix,
        endpoint_url=place.endpoint_url,
        region=place.region,
        single_writer=single_writer,
    )


def s3_place(address: str) -> S3Place:
    """What an `s3://` address says. Raises Misuse."""
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.hostname or parts.username or parts.password:
        mend = "give a folder or s3://bucket/prefix; credentials come from the usual AWS chain"
        raise Misuse("bad-store", f"no store: {_without_secrets(address)}", mend=mend)
    options = parse_qs(parts.query, keep_blank_values=True)
    for name, values in options.items():
        if name not in _OPTIONS or len(values) != 1 or not values[0]:
            raise Misuse(
                "bad-store", f"no such store option: {name}", mend=f"there are {', '.join(sorted(_OPTIONS))}"
            )
    prefix = parts.path.strip("/")
    return S3Place(
        parts.netloc,
        f"{prefix}/" if prefix else "",
        options.get("endpoint_url", [None])[0],
        options.get("region", [None])[0],
    )


def open_reader(address: str) -> Reader:
    """What can be read at `address`: a store, or a published registry by its base URL. Raises Misuse."""
    if not address.startswith(("https://", "http://")):
        return open_store(address)
    parts = urlsplit(address)
    if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
        mend = "give scheme, host and path, such as https://skills.example/registry"
        raise Misuse("bad-store", f"no registry: {_without_secrets(address)}", mend=mend)
    from registry_builder.store.web import WebReader

    return WebReader(address)


def _without_secrets(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
