"""A micro-op on its way through the reference core, with its SimPy events and times."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import simpy
from numpy.typing import NDArray

from costmodel.cpu import columns as c
from costmodel.cpu.engine import Priced
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import Cause


@dataclass
class MicroOp:
    """A micro-op in the reference core.

    The value of an event is the tick at which it happens; that of ``arrives`` lies in the future.
    """

    env: simpy.Environment
    number: int
    """Its position in program order, over all tables."""
    row: NDArray[np.int64]
    priced: Priced
    segment: int
    first: bool
    """Whether it is the first of its table."""
    ready: simpy.Event = field(init=False)
    started: simpy.Event = field(init=False)
    done: simpy.Event = field(init=False)
    retired: simpy.Event = field(init=False)
    drained: simpy.Event = field(init=False)
    arrives: simpy.Event = field(init=False)
    """Happens when the arrival time of the line that it touches is known."""
    line_known: simpy.Event = field(init=False)
    """Happens when the time is known at which a posted store finds its line in the L1."""
    resumed: simpy.Event = field(init=False)
    """Happens when younger micro-ops may be dispatched, after a mispredict or a barrier."""
    released: simpy.Event = field(init=False)
    """Happens when its miss register is free again."""
    dispatch: int = 0
    start: int = 0
    finish: int = 0
    retirement: int = 0
    redirects: Cause | None = None
    front_cause: int = Cause.WIDTH
    waited: int = 0
    wait_cause: int = Cause.WIDTH
    tail: int = 0
    tail_cause: int = Cause.DEPENDENCY
    body_cause: int = Cause.DEPENDENCY
    drain_cause: int = Cause.STORE_BUFFER

    def __post_init__(self) -> None:
        """Create the events."""
        for name in (
            "ready", "started", "done", "retired", "drained", "arrives", "line_known", "resumed",
            "released",
        ):  # fmt: skip
            setattr(self, name, self.env.event())

    @property
    def op(self) -> int:
        """Its operation, an ``OP_...`` of :mod:`costmodel.cpu.columns`."""
        return int(self.row[c.OP])

    @property
    def is_load(self) -> bool:
        """Whether it takes an entry of the load queue."""
        return self.op in c.LOADS

    @property
    def is_store(self) -> bool:
        """Whether it takes an entry of the store queue."""
        return self.op in c.STORES

    def refetched(self, p: Parameters) -> int:
        """Return how long after a branch what is behind it is fetched; 0 where it is predicted."""
        if self.row[c.REDIRECTS] == c.INDIRECT:
            return p.indirect
        is_return = self.op == c.OP_RETURN and p.returns_mispredict
        return p.mispredict if self.row[c.REDIRECTS] or is_return else 0

    def wait(self, ticks: int, cause: int) -> None:
        """Note a delay of its start; the cause of the longest delay so far is kept."""
        if ticks > self.waited:
            self.wait_cause = cause
        self.waited += ticks
