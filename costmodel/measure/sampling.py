"""Time kernels in core cycles, without performance counters.

Time stamps are taken around each sample, and around a chain of additions of known length before and
after it: the chains give the length of a cycle at that moment.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import NamedTuple

from costmodel.measure.kernels import Isa
from costmodel.measure.kernels.assembler import Assembler

STEADY_PCT = 1.0
"""A sample counts when the times of the chains before and after it differ by at most this much.
Then the clock was steady, and nothing interrupted the sample."""
_MOST = 4096
"""Samples of one call of the driver, at most."""
_FIRST_N = 8
_PILOTS = 4


class Sample(NamedTuple):
    """One call of a kernel: the time of one of its n rounds, and whether the clock was steady."""

    cycles: float
    ns: float
    steady: bool


class Sampler:
    """Calls kernels through the driver and turns its stamps into cycles and nanoseconds."""

    def __init__(self, isa: Isa, assembler: Assembler) -> None:
        """Compile the driver and measure what a stamp costs."""
        self._isa = isa
        self._assembler = assembler  # its functions live as long as it does
        self._driver = assembler.function("driver", isa.DRIVER, arguments=6)
        self._stamp = assembler.function("read_stamp", isa.READ_STAMP, arguments=0)
        self._out = (ctypes.c_int64 * (4 * _MOST))()
        self._start = (time.perf_counter_ns(), self._stamp())
        self._overhead = 0.0
        nothing = assembler.function("nothing", isa.KERNELS["nothing"], arguments=3)
        stamps = self._stamps(address_of(nothing), 1, 0, 0, 200)
        self._overhead = float(min(after - before for _, before, after, _ in stamps))

    @property
    def ticks_per_ns(self) -> float:
        """Ticks of the stamp counter per nanosecond, measured over all the time since the start."""
        while True:
            now, stamp = time.perf_counter_ns(), self._stamp()
            if now - self._start[0] > 20_000_000:
                return (stamp - self._start[1]) / (now - self._start[0])
            time.sleep(0.02)

    def sample(self, kernel: int, n: int, data: int, state: int, count: int) -> list[Sample]:
        """Return ``count`` samples of the kernel at address ``kernel``, of n rounds each."""
        rate = self.ticks_per_ns
        found = []
        for first, second, third, fourth in self._stamps(kernel, n, data, state, count):
            before, after = second - first - self._overhead, fourth - third - self._overhead
            ticks = third - second - self._overhead
            steady = abs(before - after) <= STEADY_PCT / 100 * min(before, after)
            cycle = (before + after) / 2 / self._isa.CHAIN_ADDS
            found.append(Sample(ticks / cycle / n, ticks / rate / n, steady))
        return found

    def call(self, kernel: int, n: int, data: int, state: int) -> None:
        """Run a kernel once, through the driver, because kernels do not preserve any register."""
        self._stamps(kernel, n, data, state, 1)

    def clock_ghz(self, count: int) -> list[float]:
        """Return the core clock in GHz at ``count`` moments."""
        rate = self.ticks_per_ns
        kernel = address_of(self._stamp)
        return [
            self._isa.CHAIN_ADDS / ((second - first - self._overhead) / rate)
            for first, second, _, _ in self._stamps(kernel, 1, 0, 0, count)
        ]

    def rounds(self, kernel: int, data: int, state: int, target_ns: float) -> int:
        """Return how many rounds of a kernel take about the time of one sample."""
        n = _FIRST_N
        rate = self.ticks_per_ns
        while True:
            # The least of several: one that was interrupted would make samples far too short.
            stamps = self._stamps(kernel, n, data, state, _PILOTS)
            ticks = min(end - start for _, start, end, _ in stamps) - self._overhead
            ns = max(ticks / rate, 1.0)
            if ns * 4 > target_ns:
                return max(1, round(n * target_ns / ns))
            n *= 4

    def _stamps(
        self, kernel: int, n: int, data: int, state: int, count: int
    ) -> list[tuple[int, int, int, int]]:
        assert 0 < count <= _MOST
        self._driver(kernel, n, data, state, count, ctypes.addressof(self._out))
        out = self._out[: 4 * count]
        return list(zip(out[0::4], out[1::4], out[2::4], out[3::4], strict=True))


def address_of(function: Callable[..., int]) -> int:
    """Return the address of a compiled function."""
    found = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert found is not None
    return found
