"""Runs the experiments, round after round, and keeps their samples."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from costmodel.measure.experiment import Experiment, Series
from costmodel.measure.kernels import Isa
from costmodel.measure.process import Lost, Measuring
from costmodel.measure.suite import (
    PATTERN_SIZES,
    PATTERNS,
    Plan,
    atomics,
    core,
    far,
    is_history,
    near,
    patterns,
    private_caches,
)
from costmodel.measure.system import System, load_average, steal_seconds
from costmodel.measure.visited import unlike_cpus
from costmodel.units import MIB

WORKER = "costmodel.measure.worker"
BUSY_SPREAD = 1.3
"""If the median of an experiment is more than this times its least sample, something else ran on
the machine. The report says so; the interval holds the median in any case."""
BUSY_STEAL_PCT = 1.0
_LEAST_REGION = 64 * MIB
_MEMORY_SAMPLES = 150
_QUICK = (3, 30)
"""Rounds and samples of a quick session."""
_GAP_NS = 400
_GAPS_NS = 0.15e9
"""For how long one round looks for timer ticks, in nanoseconds."""
_SINGLE = 2000
Progress = Callable[[float], object]


@dataclass
class Session:
    """What was measured, and how much else ran on the machine meanwhile."""

    date: str
    rounds: int
    loads: tuple[float, float]
    """Load average before and after the session."""
    results: dict[str, Series] = field(default_factory=dict)
    clock_ghz: list[float] = field(default_factory=list)
    gaps: list[list[tuple[float, float]]] = field(default_factory=list)
    """Moments at which the process did not run, by round: start and length, in nanoseconds."""
    gaps_ns: float = 0.0
    """How long they were looked for, over all rounds."""
    single_loads_ns: dict[int, list[float]] = field(default_factory=dict)
    """What single loads of rings took, by the ring's size; the reading of the clock is off."""
    steal_pct: float | None = None
    unlike: list[str] = field(default_factory=list)
    """What one CPU takes longer for than another, a phrase each."""
    lacking: list[str] = field(default_factory=list)
    """What could not be measured and why, one line each."""

    def over_memory_ns(self) -> dict[str, dict[int, float]]:
        """Return nanoseconds per cache line, by the pattern of accesses and the bytes of memory.

        It is empty if this was not measured.
        """
        names = {k: {size: f"{k} {size}" for size in PATTERN_SIZES} for k in PATTERNS}
        wanted = [name for of_kernel in names.values() for name in of_kernel.values()]
        if not all(name in self.results and self.results[name].ns for name in wanted):
            return {}
        return {
            kernel: {size: self.results[name].estimate("ns").value for size, name in found.items()}
            for kernel, found in names.items()
        }

    def spread(self) -> float:
        """Return the median over the least of the experiment in the middle of them all."""
        found = [
            series.estimate("cycles").spread for series in self.results.values() if series.cycles
        ]
        return median(found) if found else 1.0

    def disturbed(self) -> list[str]:
        """Return the experiments whose median is far above their least."""
        return [
            name
            for name, series in self.results.items()
            if series.cycles and series.estimate("cycles").spread > BUSY_SPREAD
        ]

    def signs_of_others(self, cpus: int) -> list[str]:
        """Return the signs that something else ran on the machine, one phrase each."""
        found = []
        disturbed = self.disturbed()
        if disturbed:
            count = f"{len(disturbed)} of {len(self.results)} measurements"
            found.append(f"{count} have a median {BUSY_SPREAD} times their least or more")
        if max(self.loads) > cpus:
            found.append(f"load {max(self.loads):.1f} on {cpus} CPUs")
        if self.steal_pct is not None and self.steal_pct > BUSY_STEAL_PCT:
            found.append(f"the host took {self.steal_pct:.1f} % of the time")
        return found


def plan_for(system: System, *, quick: bool) -> Plan:
    """Return how much is run on a machine; raise Lost where memory is too short."""
    caches = system.cache_bytes
    most = min(512 * MIB, system.available_bytes // 4)
    if most < _LEAST_REGION:
        raise Lost(f"needs {4 * _LEAST_REGION >> 20} MiB of free memory")
    usual = Plan()
    return Plan(
        l1_bytes=caches.get("l1", usual.l1_bytes),
        l2_bytes=caches.get("l2", usual.l2_bytes),
        memory_bytes=1 << (most.bit_length() - 1),
        page_bytes=system.page_bytes,
        quick=quick,
        rounds=_QUICK[0] if quick else usual.rounds,
        samples=_QUICK[1] if quick else usual.samples,
    )


def steps(isa: Isa, plan: Plan, loops: Sequence[Experiment] = ()) -> int:
    """Return how often ``measure_core`` will report progress."""
    return (
        plan.rounds * (len(_small(isa, plan)) + len(loops))
        + len(plan.far_rounds) * len(_large(isa, plan))
        + plan.rounds
        + 1
    )


def measure_core(
    isa: Isa,
    plan: Plan,
    *,
    cpus: Sequence[int],
    loops: Sequence[Experiment] = (),
    progress: Progress = lambda steps: None,
) -> Session:
    """Run all experiments; one that ends the measuring process is left out and reported.

    Each round runs on one of ``cpus``; the rounds take them in turn.
    """
    began, steal, load = time.monotonic(), steal_seconds(), load_average()
    session = Session(_today(), plan.rounds, (load, load))
    with Measuring(WORKER) as measuring:
        measuring.cpu = cpus[0]
        measuring.ask({"task": "clock", "samples": 3})  # whether there can be any kernels here
        for number in range(plan.rounds):
            measuring.cpu = cpus[number % len(cpus)]
            for experiment, samples in _visits(isa, plan, loops, number):
                _visit(session, measuring, experiment, samples)
                progress(1)
            _gaps(session, measuring, isa)
            progress(1)
        _single_loads(session, measuring, isa, plan)
        progress(1)
    session.unlike = unlike_cpus(
        {e.name: session.results[e.name].cycles_by_cpu() for e in core(isa) if not is_history(e)}
    )
    session.loads = (load, load_average())
    stolen = steal_seconds()
    if steal is not None and stolen is not None:
        session.steal_pct = 100 * (stolen - steal) / (time.monotonic() - began)
    return session


def _small(isa: Isa, plan: Plan) -> list[Experiment]:
    return [*core(isa), *atomics(isa), *private_caches(isa, plan), *near(isa, plan)]


def _large(isa: Isa, plan: Plan) -> list[Experiment]:
    return [*far(isa, plan), *patterns(isa, plan)]


def _visits(
    isa: Isa, plan: Plan, loops: Sequence[Experiment], number: int
) -> Iterator[tuple[Experiment, int]]:
    """Yield the experiments of a round, with the number of samples to take of each.

    Small ones are visited in every round, so that each is sampled at many moments of a busy
    machine. Large ones are visited in few rounds, because it takes long to prepare their memory.
    """
    if number in plan.far_rounds:
        yield from ((experiment, _MEMORY_SAMPLES) for experiment in _large(isa, plan))
    yield from ((experiment, plan.samples) for experiment in (*_small(isa, plan), *loops))


def _visit(session: Session, measuring: Measuring, experiment: Experiment, samples: int) -> None:
    series = session.results.setdefault(experiment.name, Series())
    if series.lost:
        return
    try:
        reply = measuring.ask(experiment.request(samples))
        session.clock_ghz += measuring.ask({"task": "clock", "samples": 3})["ghz"]
    except Lost as reason:
        series.lost = True
        session.lacking.append(f"{experiment.name}: {reason}")
        return
    per, cpu = experiment.units, measuring.cpu
    assert cpu is not None
    series.add(
        [value / per for value in reply["cycles"]],
        [value / per for value in reply["ns"]],
        reply["unsteady"],
        cpu=cpu,
    )


def _single_loads(session: Session, measuring: Measuring, isa: Isa, plan: Plan) -> None:
    """Time single loads, where the clock is fine enough for them."""
    if "probe" not in isa.KERNELS:
        return
    experiment = Experiment("probe", isa.KERNELS["probe"], ring_step=64)
    try:
        near = measuring.ask({**experiment.request(_SINGLE), "task": "probe"})["ns"]
        for size in plan.shared_sizes():
            request = replace(experiment, region_bytes=size).request(_SINGLE)
            times = measuring.ask({**request, "task": "probe"})["ns"]
            # A load that hits the L1 takes about as long as the stamps around it.
            session.single_loads_ns[size] = [max(0.0, each - median(near)) for each in times]
    except Lost as reason:
        session.lacking.append(f"single loads: {reason}")


def _gaps(session: Session, measuring: Measuring, isa: Isa) -> None:
    """Look for timer ticks and other moments in which something else ran."""
    request: dict[str, Any] = {"task": "gaps", "text": isa.KERNELS["gaps"]}
    try:
        reply = measuring.ask({**request, "ns": _GAPS_NS, "least_ns": _GAP_NS})
    except Lost as reason:
        session.lacking.append(f"timer ticks: {reason}")
        return
    session.gaps.append([(begin, length) for begin, length in reply["gaps"]])
    session.gaps_ns += _GAPS_NS


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
