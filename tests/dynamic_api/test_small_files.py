"""Small files that were sent before are sent again without being opened, as long as they are the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dynamic_api.server.small_files import SmallFiles, stamps_of
from dynamic_api.server.wire import Wire, kept

BODY = b'{"name":"@reg/alpha"}'
FIELDS = [
    (b"content-length", b"21"),
    (b"content-type", b"application/json"),
    (b"cache-control", b"public, max-age=60"),
    (b"etag", b'"tag"'),
]
URL = b"/npm/@reg/alpha"


class Sent:
    """A folder of which one file was sent; later askers come with `ask`."""

    def __init__(self, folder: Path, view: object = "view") -> None:
        self.file, self.small = folder / "alpha", SmallFiles()
        self.file.write_bytes(BODY)
        # Long ago: a file that is written to in place would else keep its times for a tick.
        os.utime(self.file, ns=(1, 1))
        scope = {"path": URL.decode(), "raw_path": URL, "query_string": b"", "view": view}
        self.small.keep(scope, os.fspath(self.file), stamps_of(self.file.stat()), kept(FIELDS, BODY))

    def ask(self, url: bytes = URL, view: object = "view", **fields: str) -> Wire | None:
        named = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
        return self.small.at_hand({"url": url, "view": view, "fields": named, "headers": [*named.items()]})


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    return Sent(tmp_path)


def test_same_file_is_at_hand(sent: Sent) -> None:
    wire = sent.ask()
    assert wire is not None
    assert (wire.status, wire.fields, wire.body) == (200, tuple(FIELDS), BODY)


@pytest.mark.parametrize(
    ("shown", "status"), [('"tag"', 304), ('W/"tag"', 304), ('"a", "tag"', 304), ("*", 304), ('"a"', 200)]
)
def test_who_has_it_is_told_so(sent: Sent, shown: str, status: int) -> None:
    wire = sent.ask(if_none_match=shown)
    assert wire is not None
    names = [name for name, _ in wire.fields]
    assert (wire.status, wire.body) == (status, BODY if status == 200 else b"")
    assert (b"content-length" in names, b"etag" in names) == (status == 200, True)


def test_parts_other_urls_and_other_views_are_not(sent: Sent) -> None:
    assert sent.ask(range="bytes=0-1") is None
    assert sent.ask(if_range='"tag"') is None
    assert sent.ask(URL + b"?again") is None
    assert sent.ask(view="another") is None
    assert sent.ask() is None, "what another view let out is forgotten"


def test_what_is_sent_without_a_view_is_not_kept(tmp_path: Path) -> None:
    sent = Sent(tmp_path, view=None)
    assert sent.ask(view=None) is None


def test_file_that_was_replaced_written_to_or_removed_is_not(tmp_path: Path) -> None:
    def replace(sent: Sent) -> None:
        other = tmp_path / "other"
        other.write_bytes(BODY)
        other.replace(sent.file)

    changes = {
        "replaced": replace,
        "written": lambda sent: sent.file.write_bytes(BODY[::-1]),
        "longer": lambda sent: sent.file.write_bytes(BODY + b" "),
        "removed": lambda sent: sent.file.unlink(),
    }
    for name, change in changes.items():
        sent = Sent(tmp_path)
        assert sent.ask() is not None
        change(sent)
        assert sent.ask() is None, name


def test_link_that_leads_elsewhere_is_not(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "v1")
    sent = Sent(current)
    (tmp_path / "v2" / "alpha").write_bytes(BODY)
    assert sent.ask() is not None
    current.unlink()
    current.symlink_to(tmp_path / "v2")
    assert sent.ask() is None
