"""Our own download links: what verifies, and everything near it that must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic_api.errors import Forbidden
from dynamic_api.private_store import GOOD_FOR, Link, Signer, disposition
from registry_builder.core.errors import Misuse

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
UNTIL = int((NOW + GOOD_FOR).timestamp())
SIGNER = Signer("https://api.example/base/", (b"a" * 32, b"b" * 32))
LINK = Link(str(UNTIL), "a.zip", "me")
GOOD = SIGNER.sign("key", LINK)


def test_link_holds_until_its_second() -> None:
    SIGNER.check("key", LINK, GOOD, NOW)
    SIGNER.check("key", LINK, GOOD, NOW + GOOD_FOR - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("key", "expires", "filename", "signature", "after", "code"),
    [
        ("key", str(UNTIL), "a.zip", GOOD, GOOD_FOR, "link_expired"),
        ("key", str(UNTIL), "a.zip", GOOD, -timedelta(hours=2), "link_expired"),
        ("other", str(UNTIL), "a.zip", GOOD, timedelta(), "bad_signature"),
        ("key", str(UNTIL + 1), "a.zip", GOOD, timedelta(), "bad_signature"),
        ("key", str(UNTIL), "b.zip", GOOD, timedelta(), "bad_signature"),
        ("key", str(UNTIL), "a.zip", "", timedelta(), "bad_signature"),
        ("key", str(UNTIL), "a.zip", "ü" * 64, timedelta(), "bad_signature"),
        ("key", str(UNTIL), "a.zip", GOOD.upper(), timedelta(), "bad_signature"),
        ("key", str(UNTIL), "a.zip", GOOD[:-1], timedelta(), "bad_signature"),
        ("key", f"+{UNTIL}", "a.zip", GOOD, timedelta(), "bad_signature"),
        ("key", f" {UNTIL}", "a.zip", GOOD, timedelta(), "bad_signature"),
        ("key", "", "a.zip", GOOD, timedelta(), "bad_signature"),
        ("key", "9" * 400, "a.zip", GOOD, timedelta(), "bad_signature"),
        ("ke", str(UNTIL), "ya.zip", GOOD, timedelta(), "bad_signature"),
        ("key" + str(UNTIL)[0], str(UNTIL)[1:], "a.zip", GOOD, timedelta(), "bad_signature"),
        ("key", str(UNTIL), "\ud800", GOOD, timedelta(), "bad_signature"),
    ],
)
def test_link_is_refused(
    key: str, expires: str, filename: str, signature: str, after: timedelta, code: str
) -> None:
    with pytest.raises(Forbidden) as caught:
        SIGNER.check(key, Link(expires, filename, "me"), signature, NOW + after)
    assert caught.value.code == code


def test_link_for_longer_than_a_day_is_not_ours_even_if_signed() -> None:
    year = LINK._replace(expires=str(UNTIL + 365 * 86_400))
    with pytest.raises(Forbidden):
        SIGNER.check("key", year, SIGNER.sign("key", year), NOW)


def test_link_is_its_holders() -> None:
    with pytest.raises(Forbidden):
        SIGNER.check("key", LINK._replace(holder="you"), GOOD, NOW)


def test_secrets_rotate_and_a_dropped_one_no_longer_verifies() -> None:
    old, both, new = (
        Signer("https://api.example", secrets)
        for secrets in ((b"o" * 32,), (b"n" * 32, b"o" * 32), (b"n" * 32,))
    )
    signature = old.sign("key", LINK)
    both.check("key", LINK, signature, NOW)
    new.check("key", LINK, both.sign("key", LINK), NOW)
    with pytest.raises(Forbidden):
        new.check("key", LINK, signature, NOW)


def test_weak_secret_is_refused_and_no_secret_is_shown() -> None:
    for secrets in ((), (b"short",), (b"a" * 32, b"")):
        with pytest.raises(Misuse):
            Signer("https://api.example", secrets)
    assert "aaaa" not in repr(SIGNER)


@given(st.text(), st.text())
def test_every_name_signs_and_fits_into_a_url_and_a_header(key: str, filename: str) -> None:
    if any(0xD800 <= ord(char) <= 0xDFFF for char in key + filename):
        return
    parts = urlsplit(SIGNER.url(key, "me", filename, NOW))
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    assert parts.path.startswith("/base/api/v1/downloads/private/")
    assert query["filename"] == filename
    SIGNER.check(key, Link(query["expires"], filename, query["holder"]), query["signature"], NOW)
    header = disposition(filename)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
