"""A canned server and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sx_house
from sx_canned import Canned, canned
from sx_client import SxClient


@pytest.fixture(scope="session")
def running_canned() -> Iterator[Canned]:
    with canned() as told:
        yield told


@pytest.fixture
def server(running_canned: Canned) -> Canned:
    """The server, with nothing in its mouth."""
    running_canned.rest.clear()
    running_canned.graphql.clear()
    running_canned.seen.clear()
    running_canned.variables.clear()
    return running_canned


@pytest.fixture
def sx(server: Canned, tmp_path: Path) -> SxClient:
    return SxClient(server.url, "secret", tmp_path / "home")


pdf = sx_house.pdf
house = sx_house.house
