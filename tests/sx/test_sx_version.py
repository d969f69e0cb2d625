"""Which labels are versions to sx, which it would misread, and in what order they are."""

from __future__ import annotations

import pytest
from contracts.sx_bundle import SEMVER
from hypothesis import given
from hypothesis import strategies as st

from dynamic_api.sx.dependency import read_dependency
from dynamic_api.sx.repository import read_repository
from dynamic_api.sx.version import flaw, read, same_as


@pytest.mark.parametrize(
    "label",
    ["0", "3", "1.2", "1.2.3", "v1", "v1.2.3", "1.2.3-rc.1+b", "1.0+b", "1.2.3--", "1.2.3-0", "9" * 18],
)
def test_label_is_a_version(label: str) -> None:
    assert flaw(label) is None
    assert read(label) is not None


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "is no semantic version"),
        ("latest", "is no semantic version"),
        ("V1", "is no semantic version"),
        (" 1", "is no semantic version"),
        ("1\n", "is no semantic version"),
        ("1.2.3.4", "is no semantic version"),
        ("1.2.3-", "is no semantic version"),
        ("1.2.3+", "is no semantic version"),
        ("1..2", "is no semantic version"),
        ("١", "is no semantic version"),
        ("1/../2", "is no semantic version"),
        ("01", "begins with 0"),
        ("2024.01.02", "begins with 0"),
        ("1.2.3-01", "begins with 0"),
        ("2024-1-2", "is read as a pre-release of 2024"),
        ("1.2-rc1", "is read as a pre-release of 1.2"),
        ("9223372036854775808", "does not fit into 64 bits"),
        ("1.2.3-9223372036854775808", "does not fit into 64 bits"),
        ("1" * 65, "more than 64 characters"),
    ],
)
def test_label_that_sx_refuses_or_misreads_is_no_version(label: str, why: str) -> None:
    assert why in (flaw(label) or "")
    assert read(label) is None


def test_labels_are_ordered_as_semantic_versions() -> None:
    labels = ["0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"]
    labels += ["1.0.0-beta.11", "1.0.0-rc.1", "1", "1.0.1", "1.2", "v2", "10"]
    readings = [read(label) for label in labels]
    assert None not in readings
    assert sorted(readings, key=lambda reading: reading or ()) == readings


@pytest.mark.parametrize(
    ("label", "others", "same"),
    [
        ("1", ["2", "1.0"], "1.0"),
        ("v1", ["1.0.0+build"], "1.0.0+build"),
        ("1", ["1.0.0-rc.1", "2"], None),
        ("01", ["1"], None),
        ("01", ["01"], "01"),
    ],
)
def test_same_version_in_another_spelling(label: str, others: list[str], same: str | None) -> None:
    assert same_as(label, others) == same


@given(st.from_regex(SEMVER, fullmatch=True))
def test_what_is_accepted_sx_accepts_and_nothing_raises(label: str) -> None:
    if read(label) is not None:
        assert SEMVER.fullmatch(label)
        assert flaw(label) is None


@pytest.mark.parametrize(
    ("text", "fits", "fails"),
    [
        ("pdf", ["1", "2.0.0-rc.1"], []),
        ("pdf>=2,<4", ["2", "3.9"], ["1", "4", "4.0.0-rc.1"]),
        ("pdf == 1.2", ["1.2", "v1.2.0", "1.2.0+b"], ["1.2.1", "1.2.0-rc.1"]),
        ("pdf!=2", ["1", "3"], ["2", "2.0"]),
        ("pdf~=1.4", ["1.4", "1.9"], ["1.3", "2", "2.0.0-rc.1"]),
        ("pdf ~=1.4.2", ["1.4.2", "1.4.9"], ["1.4.1", "1.5"]),
        ("pdf>1, <=3", ["1.0.1", "3"], ["1", "3.0.1"]),
    ],
)
def test_dependency_admits(text: str, fits: list[str], fails: list[str]) -> None:
    needed = read_dependency(text)
    assert needed is not None
    assert needed.name == "pdf"
    admitted = [label for label in fits + fails if (reading := read(label)) and needed.admits(reading)]
    assert admitted == fits


@pytest.mark.parametrize(
    "text",
    ["", ">=1", "pdf>=", "pdf 1", "pdf=1", "pdf===1", "pdf>=1,", "pdf~=1", "pdf>=01", "pdf>=1.2.3.4", "a b"],
)
def test_dependency_that_cannot_be_read(text: str) -> None:
    assert read_dependency(text) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/api",
        "https://git.example.com/acme/api.git",
        "https://user:secret@git.example.com:8443/Acme/API/",
        "ssh://git@git.example.com:22/acme/api.git",
        "git@git.example.com:acme/api.git",
        "git.example.com:acme/api",
        "git.example.com/acme/api",
        "git://git.example.com//acme//api",
    ],
)
def test_one_repository_in_any_form(url: str) -> None:
    repository = read_repository(url)
    assert repository is not None
    assert repository == ("git.example.com", "acme", "api")
    assert repository.key == "git.example.com/acme/api"


@pytest.mark.parametrize(
    "url", ["", "api", "acme/api", "https://git.example.com/", "https://git.example.com/api", "https:///a/b"]
)
def test_no_repository(url: str) -> None:
    assert read_repository(url) is None


def test_groups_belong_to_the_owner() -> None:
    assert read_repository("https://git.example.com/a/b/c.git") == ("git.example.com", "a/b", "c")
