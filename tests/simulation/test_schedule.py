"""Schedules: sums, scaling and drawing stages together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.simulation import Schedule, Stage
from costmodel.simulation.schedule import MAX_STAGES, scale

STAGES = st.lists(
    st.builds(
        Stage,
        layout_ps=st.integers(0, 10**9),
        broadcast_ps=st.sampled_from([0, 10**6]),
        count=st.integers(1, 3000),
    ),
    max_size=6,
)


def test_totals_count_repetitions() -> None:
    schedule = Schedule((Stage(7), Stage(10, broadcast_ps=5, count=3)))
    assert (schedule.layout_ps, schedule.broadcast_ps, schedule.total_ps) == (37, 15, 52)


@given(stages=STAGES)
def test_drawing_together_loses_nothing(stages: list[Stage]) -> None:
    schedule = Schedule(tuple(stages))
    coarse = schedule.coarse()
    assert coarse.total_ps == schedule.total_ps
    assert coarse.broadcast_ps == schedule.broadcast_ps
    assert sum(stage.count for stage in coarse.stages) <= MAX_STAGES + 4 * len(stages) + 1


def test_scaling_rounds_to_the_nearest_picosecond() -> None:
    assert scale(1000, np.array([1.0, 1.0004, 1.0006])).tolist() == [1000, 1000, 1001]


@pytest.mark.parametrize(
    "stage",
    [
        {"layout_ps": -1},
        {"layout_ps": 1, "count": 0},
        {"layout_ps": 1, "broadcast_ps": -5},
    ],
)
def test_impossible_stages_are_refused(stage: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Stage(**stage)
