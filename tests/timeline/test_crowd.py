"""One track per CPU: slices do not overlap, and waits are called as what is shared."""

import json
from itertools import pairwise

from costmodel.simulation.schedule import Stage
from costmodel.timeline.crowd import crowd_perfetto, slices_of
from tests.cpus.made import made

MS = 10**9


def test_every_cpu_does_one_thing_at_a_time() -> None:
    setup = made(Stage(20 * MS), Stage(MS, MS, 10, tlbis=2000), cpus=4)
    slices = slices_of(setup)
    assert {each.cpu for each in slices} == {0, 1, 2, 3}
    assert {"works", "interconnect"} <= {each.name for each in slices}
    for cpu in range(4):
        mine = [each for each in slices if each.cpu == cpu]
        assert all(a.end_ps <= b.start_ps for a, b in pairwise(mine))


def test_the_file_has_a_track_for_each() -> None:
    slices = slices_of(made(Stage(5 * MS), threads=2, unshared=("memory",)))
    assert "mmap_lock" in {each.name for each in slices}
    events = json.loads(crowd_perfetto(slices, name="fork"))["traceEvents"]
    tracks = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert tracks == {"CPU 0", "CPU 1"}
    assert all(event["dur"] > 0 for event in events if event["ph"] == "X")
