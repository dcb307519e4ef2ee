"""One micro-op on its way through the reference core: its events, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import simpy
from numpy.typing import NDArray

from costmodel.cpu import columns as c
from costmodel.cpu.engine import Priced
from costmodel.cpu.stack import Cause


@dataclass
class MicroOp:
    """A micro-op. Events carry the tick at which they happen, or (``arrives``) will happen."""

    env: simpy.Environment
    number: int
    """Position in program order, over all tables."""
    row: NDArray[np.int64]
    priced: Priced
    segment: int
    started: simpy.Event = field(init=False)
    done: simpy.Event = field(init=False)
    retired: simpy.Event = field(init=False)
    drained: simpy.Event = field(init=False)
    arrives: simpy.Event = field(init=False)
    """The arrival time of the line that it touches is known."""
    line_known: simpy.Event = field(init=False)
    """The time at which a posted store finds its line in the L1 is known."""
    resumed: simpy.Event = field(init=False)
    """Younger micro-ops may be dispatched (after a mispredict or a barrier)."""
    released: simpy.Event = field(init=False)
    """Its miss register is free again."""
    dispatch: int = 0
    start: int = 0
    finish: int = 0
    retirement: int = 0
    held: int = 0
    redirects: Cause | None = None
    front_cause: int = Cause.WIDTH
    waited: int = 0
    wait_cause: int = Cause.WIDTH
    tail: int = 0
    tail_cause: int = Cause.DEPENDENCY
    body_cause: int = Cause.DEPENDENCY
    drain_cause: int = Cause.STORE_BUFFER

    def __post_init__(self) -> None:
        """Make the events."""
        for name in (
            "started", "done", "retired", "drained", "arrives", "line_known", "resumed", "released"
        ):  # fmt: skip
            setattr(self, name, self.env.event())

    @property
    def op(self) -> int:
        """What it is, see :mod:`costmodel.cpu.columns`."""
        return int(self.row[c.OP])

    @property
    def is_load(self) -> bool:
        """It takes an entry of the load queue."""
        return self.op in c.LOADS

    @property
    def is_store(self) -> bool:
        """It takes an entry of the store queue."""
        return self.op in c.STORES

    def wait(self, ticks: int, cause: int) -> None:
        """Note that it could have started earlier; what held it back more than all before wins."""
        if ticks > self.waited:
            self.wait_cause = cause
        self.waited += ticks
