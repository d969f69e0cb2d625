"""Many at once: in order, each once, and nothing new after a failure."""

from __future__ import annotations

import pytest

from registry_builder.crowd import Crowd


@pytest.mark.parametrize("parallel", [1, 2, 16])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_each_is_done_once_and_results_are_in_order(count: int, parallel: int) -> None:
    seen: list[int] = []
    with Crowd(parallel) as crowd:
        for again in (1, 2):
            done = crowd.each(lambda item: seen.append(item) or item * 2, range(count))
            assert done == [item * 2 for item in range(count)]
            assert sorted(seen) == sorted([*range(count)] * again)


@pytest.mark.parametrize("parallel", [1, 16])
def test_after_a_failure_nothing_new_is_begun(parallel: int) -> None:
    seen: list[int] = []

    def fail(item: int) -> None:
        seen.append(item)
        raise ValueError(item)

    with Crowd(parallel) as crowd:
        with pytest.raises(ValueError, match="0"):
            crowd.each(fail, range(300))
        assert len(seen) <= parallel
        assert crowd.each(str, [1, 2]) == ["1", "2"]
