"""Small traces by hand, for the tests of the core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind, Target, Uop, Value
from costmodel.config.machine import Machine, load_machine
from costmodel.cpu import engine
from costmodel.units import TICKS_PER_CYCLE

REGION_BYTES = 1 << 40
ALTRA = load_machine("ampere-altra")
XEON = load_machine("xeon-4210r")
M2 = load_machine("apple-m2-vm")


def machine(base: Machine, **values: object) -> Machine:
    """Change numbers of a machine; ``core__width=4`` stands for core.width."""
    return base.with_values({key.replace("__", "."): value for key, value in values.items()})


def trace_of(
    uops: Sequence[Uop],
    *,
    step_start: Iterable[int] = (0,),
    segments: tuple[tuple[str, int, int], ...] | None = None,
) -> Trace:
    """Record micro-ops whose inputs name earlier ones by position."""
    count = len(uops)
    inputs = np.full((count, 5), -1, np.int32)
    address = np.full(count, -1, np.int64)
    wrote: dict[int, int] = {}
    for i, uop in enumerate(uops):
        memory = uop.kind in (Kind.LOAD, Kind.STORE, Kind.RMW, Kind.ZERO)
        registers = (
            (uop.address_inputs or (), (0, 1)) if memory else (uop.data_inputs, (0, 1, 2, 3))
        )
        for column, value in zip(registers[1], registers[0], strict=False):
            inputs[i, column] = value
        if memory:
            for column, value in zip((2, 3), uop.data_inputs, strict=False):
                inputs[i, column] = value
            address[i] = int(uop.target) * REGION_BYTES + uop.offset_bytes
            if uop.kind in (Kind.LOAD, Kind.RMW):
                inputs[i, 4] = wrote.get(int(address[i]), -1)
            if uop.kind != Kind.LOAD:
                wrote[int(address[i])] = i
    sites = {uop.site: number for number, uop in enumerate(dict.fromkeys(uops))}
    starts = np.array(sorted(step_start), np.int32)
    return Trace(
        kind=np.array([uop.kind for uop in uops], np.uint8),
        subkind=np.array([uop.subkind for uop in uops], np.uint8),
        inputs=inputs,
        address=address,
        size_bytes=np.array([uop.size_bytes for uop in uops], np.int16),
        target=np.array([uop.target for uop in uops], np.uint8),
        taken=np.array([-1 if uop.taken is None else uop.taken for uop in uops], np.int8),
        site=np.array([sites[uop.site] for uop in uops], np.int32),
        step_start=starts,
        step_id=np.zeros(len(starts), np.int32),
        step_names=("step",),
        segments=segments or (("copy", 0, count),),
    )


def cycles(uops: Sequence[Uop], on: Machine, *, count: int = 1) -> float:
    """Return the cycles of the last of ``count`` executions."""
    timing = engine.run([TableRun(trace_of(uops), count, 1)], on)
    last, _ = timing.order[-1]
    return timing.costs[last].ticks / TICKS_PER_CYCLE


def alu(*inputs: int, subkind: Subkind = Subkind.PLAIN) -> Uop:
    return Uop(Kind.ALU, subkind, data_inputs=tuple(Value(i) for i in inputs))


def load(offset: int = 0, *, address: Sequence[int] = (), target: Target = Target.STACK) -> Uop:
    inputs = tuple(Value(i) for i in address)
    return Uop(Kind.LOAD, target=target, offset_bytes=offset, size_bytes=8, address_inputs=inputs)


def store(offset: int = 0, *, data: Sequence[int] = (), target: Target = Target.STACK) -> Uop:
    inputs = tuple(Value(i) for i in data)
    return Uop(Kind.STORE, target=target, offset_bytes=offset, size_bytes=8, data_inputs=inputs)


def rmw(
    subkind: Subkind, offset: int = 0, *, data: Sequence[int] = (), target: Target = Target.STACK
) -> Uop:
    inputs = tuple(Value(i) for i in data)
    return Uop(
        Kind.RMW, subkind, target=target, offset_bytes=offset, size_bytes=8, data_inputs=inputs
    )


def branch(taken: bool, *inputs: int, site: str = "branch") -> Uop:
    return Uop(Kind.BRANCH, data_inputs=tuple(Value(i) for i in inputs), taken=taken, site=site)


def system(kind: Kind, subkind: Subkind = Subkind.PLAIN) -> Uop:
    return Uop(kind, subkind)
