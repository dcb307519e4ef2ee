"""The measuring process: it reads one request per line and answers each with one line of JSON.

It is a process of its own because faulty assembly may end it, and because memory that it does not
give back must not stay with the user's command. ``python -m costmodel.measure.worker`` runs it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from costmodel.measure.kernels import isa_here
from costmodel.measure.kernels.assembler import Assembler
from costmodel.measure.regions import Region
from costmodel.measure.sampling import Sampler, address_of
from costmodel.parallel import end_with_parent

Reply = dict[str, Any]
_WARM = 3
"""How many samples are taken and dropped before those that count."""
_WARM_NS = 60e6
"""For how long the kernel may run over its memory before sampling, in nanoseconds."""


class Worker:
    """What the process keeps from request to request: compiled kernels and one region."""

    def __init__(self) -> None:
        """Compile the driver."""
        isa = isa_here()
        assert isa is not None
        self._assembler = Assembler()
        self._sampler = Sampler(isa, self._assembler)
        self._kernels: dict[str, int] = {}
        self._positions: dict[str, int] = {}
        self._region: tuple[tuple[Any, ...], Region, int] | None = None
        self.tasks: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "sample": self.sample,
            "clock": self.clock,
            "probe": self.probe,
            "gaps": self.gaps,
        }

    def clock(self, request: dict[str, Any]) -> Reply:
        """Return the core clock in GHz and the ticks of the stamp counter per nanosecond."""
        ghz = self._sampler.clock_ghz(request["samples"])
        return {"ghz": ghz, "ticks_per_ns": self._sampler.ticks_per_ns}

    def sample(self, request: dict[str, Any]) -> Reply:
        """Return steady samples per round of the kernel, in cycles and nanoseconds."""
        name = request["name"]
        kernel, region, start = self._prepare(request)
        state = self._state(request, start)
        target = request["sample_ns"]
        n = self._sampler.rounds(kernel, region.address, _at(state), target)
        self._warm(kernel, region, state, request["warm_rounds"], n, target)
        samples = self._sampler.sample(
            kernel, n, region.address, _at(state), request["samples"] + _WARM
        )[_WARM:]
        self._positions[name] = state[0]
        steady = [sample for sample in samples if sample.steady]
        return {
            "cycles": [round(sample.cycles, 5) for sample in steady],
            "ns": [round(sample.ns, 5) for sample in steady],
            "unsteady": len(samples) - len(steady),
            "rounds": n,
        }

    def probe(self, request: dict[str, Any]) -> Reply:
        """Return what single loads of a ring took, in nanoseconds, stamps included."""
        kernel, _, start = self._prepare(request)
        count = request["samples"]
        out = (ctypes.c_int64 * count)()
        state = self._state(request, start)
        for _ in range(2):  # the first pass brings in the output's own pages
            self._sampler.call(kernel, count, ctypes.addressof(out), _at(state))
        rate = self._sampler.ticks_per_ns
        return {"ns": [round(ticks / rate, 2) for ticks in out]}

    def gaps(self, request: dict[str, Any]) -> Reply:
        """Return the moments at which this process did not run: start and length, in ns."""
        rate = self._sampler.ticks_per_ns
        most = 100_000
        out = (ctypes.c_int64 * (2 * most))()
        least = int(request["least_ns"] * rate)
        state = (ctypes.c_int64 * 8)(0, least, most)
        ticks = int(request["ns"] * rate)
        self._sampler.call(self._kernel(request), ticks, ctypes.addressof(out), _at(state))
        found = [(out[2 * i], out[2 * i + 1]) for i in range(state[0])]
        return {"gaps": [[begin / rate, (end - begin) / rate] for begin, end in found]}

    def _prepare(self, request: dict[str, Any]) -> tuple[int, Region, int]:
        kernel = self._kernel(request)
        size, pages, step = request["region"]
        key = (size, pages, step)
        if self._region is None or self._region[0] != key:
            self._region = None  # unmap the old one first
            region = Region(size, pages)
            self._region = (key, region, region.ring(step) if step else 0)
        return kernel, self._region[1], self._region[2]

    def _kernel(self, request: dict[str, Any]) -> int:
        text = request["text"]
        if text not in self._kernels:
            name = f"kernel_{len(self._kernels)}"
            self._kernels[text] = address_of(self._assembler.function(name, text, arguments=3))
        return self._kernels[text]

    def _state(self, request: dict[str, Any], start: int) -> ctypes.Array[ctypes.c_int64]:
        _, mask, choice = request["state"]
        # A position in a ring is an address: only good as long as the region is.
        first = start or self._positions.get(request["name"], 0)
        return (ctypes.c_int64 * 8)(first, mask, choice)

    def _warm(
        self,
        kernel: int,
        region: Region,
        state: ctypes.Array[ctypes.c_int64],
        rounds: int,
        n: int,
        target_ns: float,
    ) -> None:
        """Run the kernel over all of its memory once, but not longer than ``_WARM_NS``.

        ``n`` rounds of it take about ``target_ns``.
        """
        most = int(_WARM_NS / target_ns * n) + 1
        self._sampler.sample(kernel, min(max(rounds, 1), most), region.address, _at(state), 1)


def _at(state: ctypes.Array[ctypes.c_int64]) -> int:
    return ctypes.addressof(state)


def _requests() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends this process
    end_with_parent()
    gc.disable()
    worker = Worker()
    for request in _requests():
        try:
            if request["cpu"] is not None:
                os.sched_setaffinity(0, {request["cpu"]})
            reply = worker.tasks[request["task"]](request)
        except OSError as error:
            reply = {"error": str(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
