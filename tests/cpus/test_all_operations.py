"""Every operation on several CPUs: what is shared can be switched off, alone or altogether."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from costmodel.api import cell
from costmodel.experiment import Result, run_cell
from costmodel.operations.registry import operation_named, operation_names

EVERYWHERE = {"mmap_lock", "memory", "llc"}
OF_MACHINE = {"skylake-sp": {"shootdown", "generation"}, "ampere-altra": {"interconnect"}}


def priced(machine: str, operation: str, **of: Any) -> Result:
    """Return an operation on 2 MiB of order 0, some time after the one before."""
    baseline = operation_named(operation).strategies()[0].name
    asked = cell(machine, baseline, operation=operation, memory="2 MiB")
    workload = asked.workload.model_copy(update={"between_us": 20.0, **of})
    return run_cell(replace(asked, workload=workload), noise=False)


@pytest.mark.parametrize("machine", OF_MACHINE)
@pytest.mark.parametrize("operation", operation_names())
def test_without_what_is_shared_each_cpu_is_as_fast_as_one_alone(
    operation: str, machine: str
) -> None:
    crowd = {"cpus": 4, "threads": 2}
    together, alone = priced(machine, operation, **crowd), priced(machine, operation)
    assert together.contention is not None
    shared = set(together.contention.shared)
    assert EVERYWHERE | OF_MACHINE[machine] <= shared
    for name in shared:
        without = priced(machine, operation, unshared=(name,), **crowd).contention
        # Where nobody is interrupted, nobody reads the generation.
        assert without is not None and set(without.shared) <= shared - {name}
    assert priced(machine, operation, unshared=tuple(shared), **crowd).exact_ps == alone.exact_ps
    assert (
        alone.exact_ps
        < together.exact_ps
        == pytest.approx(1000 * together.ptes * sum(together.stack_ns_per_pte.values()))
    )


@pytest.mark.parametrize("operation", operation_names())
def test_cpus_are_where_they_can_be_and_little_holds(operation: str) -> None:
    """N = X (R + Z) and L = X W, where nobody's own work is interrupted."""
    found = priced("ampere-altra", operation, cpus=4, threads=2)
    per_s = found.throughput_per_s
    assert per_s * (found.exact_ps / 1e12 + 20e-6) == pytest.approx(8, rel=0.005)
    assert found.contention is not None
    for name, use in found.contention.shared.items():
        of_a_kind = 4 if name in ("mmap_lock", "counters") else 1  # one of each process
        waiting = per_s * use.waiting_ns / 1e9
        if use.queue > 0.01:
            assert of_a_kind * use.queue == pytest.approx(waiting, rel=0.05), name
