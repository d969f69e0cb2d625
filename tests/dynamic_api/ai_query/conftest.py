"""The five services for a test, and settings that lead to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ai_services import Services, services


@pytest.fixture(scope="session")
def running_services() -> Iterator[Services]:
    with services() as told:
        yield told


@pytest.fixture
def outside(running_services: Services) -> Services:
    """The services, well-behaved, with nothing seen."""
    running_services.faults.clear()
    running_services.data.clear()
    running_services.turns.clear()
    running_services.seen.clear()
    running_services.asked.clear()
    running_services.left.clear()
    return running_services
