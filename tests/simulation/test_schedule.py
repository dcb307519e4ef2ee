"""Schedules: sums and scaling."""

import numpy as np
import pytest

from costmodel.simulation.schedule import Schedule, Stage, scale


def test_totals_count_repetitions() -> None:
    schedule = Schedule((Stage(7), Stage(10, broadcast_ps=5, count=3)))
    assert (schedule.layout_ps, schedule.broadcast_ps, schedule.total_ps) == (37, 15, 52)


def test_scaling_rounds_to_the_nearest_picosecond() -> None:
    assert scale(1000, np.array([1.0, 1.0004, 1.0006])).tolist() == [1000, 1000, 1001]


@pytest.mark.parametrize(
    ("layout_ps", "broadcast_ps", "count"), [(-1, 0, 1), (1, 0, 0), (1, -5, 1)]
)
def test_impossible_stages_are_refused(layout_ps: int, broadcast_ps: int, count: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Stage(layout_ps, broadcast_ps, count)
