"""What every test gets: in CI nothing may be skipped, and Git answers the same on every machine."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Generator, Iterator

import hypothesis
import pytest

MAY_SKIP: frozenset[str] = frozenset()
"""Node ids that CI may skip. Each entry needs a reason beside it."""

_SLOW = (hypothesis.HealthCheck.too_slow,)
"""What says more about the machine than about the code."""

GIT_SETTINGS = {
    "user.name": "Test Author",
    "user.email": "author@example.com",
    "init.defaultBranch": "main",
    "commit.gpgSign": "false",
}


def pytest_configure(config: pytest.Config) -> None:
    """Keep the settings of the person, and of the machine, out of every `git` that a test starts.

    A shell's background job ignores SIGINT, and so would every server that a test starts and interrupts.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile("any-machine", deadline=None, suppress_health_check=_SLOW)
    hypothesis.settings.load_profile("any-machine")
    os.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
    os.environ["GIT_CONFIG_COUNT"] = str(len(GIT_SETTINGS))
    for number, (key, value) in enumerate(GIT_SETTINGS.items()):
        os.environ[f"GIT_CONFIG_KEY_{number}"] = key
        os.environ[f"GIT_CONFIG_VALUE_{number}"] = value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped in CI; an expected failure (xfail) is not a skip."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself in CI."""
    report = yield
    if report.skipped:
        _refuse_skip(report)
    return report


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3 server on loopback; the environment has credentials that it takes."""
    from s3_server import s3_server

    with s3_server() as url:
        yield url


@pytest.fixture
def s3_address(request: pytest.FixtureRequest) -> str:
    """The address of an empty place in an S3 bucket, ours or elsewhere."""
    from s3_server import ELSEWHERE, empty_place

    if ELSEWHERE:
        place, _, options = ELSEWHERE.partition("?")
        return f"{place.rstrip('/')}/{uuid.uuid4().hex}?{options}"
    return empty_place(request.getfixturevalue("s3_endpoint"))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not _in_ci() or report.nodeid in MAY_SKIP:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: CI runs every test, but this one was skipped. {reason}"


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}
