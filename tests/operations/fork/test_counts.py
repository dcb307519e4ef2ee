"""On layouts that were never recorded, counts follow the counts per PTE, per batch, per block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from costmodel.code.events import Step
from costmodel.code.trace import Trace
from costmodel.code.uops import Kind, Target
from costmodel.config.workload import Workload
from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.build import Memory
from costmodel.mm.folio import FrameTable
from costmodel.mm.pte import DIRTY, PRESENT, WRITE, YOUNG, make_pte
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.strategy import Strategy
from costmodel.strategies.runs import trace_runs
from tests.operations.replay import recorded_strategies

COUNTS: Mapping[str, Mapping[str, Mapping[str, float]]] = yaml.safe_load(
    (Path(__file__).parent / "counts.yaml").read_text()
)
STATES: Mapping[str, str] = {"rw": "writable", "ro": "read-only"}
ROUNDING = 0.06
"""Of a published count, which is rounded to 0.1."""
BATCHED = [name for name, counts in COUNTS.items() if "folio_rw" in counts]
BLOCKS = [name for name, counts in COUNTS.items() if "block_rw" in counts]


def trace_of(program: str, order: int, kib: int, state: str) -> Trace:
    """Return the trace of one table with ``kib`` KiB of memory."""
    strategy: Strategy = recorded_strategies()[program]
    workload = Workload(
        operation="fork", memory_bytes=kib << 10, folio_orders={order: 1.0}, state=STATES[state]
    )
    isa = "x86_64" if program.endswith("x86_64") else "arm64"
    ranged = program in strategy.range_programs.values()
    (run,) = trace_runs(strategy, workload, isa, range_tlbi=ranged)
    return run.trace


def counted(trace: Trace) -> Counter[str]:
    """Count as the data do."""
    counts: Counter[str] = Counter()
    rows = zip(trace.kind.tolist(), trace.target.tolist(), trace.taken.tolist(), strict=True)
    for kind, target, taken in rows:
        page = target in (Target.PAGE, Target.TABLEPAGE)
        match Kind(kind):
            case Kind.LOAD:
                counts["ld_src"] += target == Target.SRC
                counts["ld_page"] += page
            case Kind.STORE:
                counts["st_dst"] += target == Target.DST
            case Kind.RMW:
                counts["rmw_page"] += target == Target.PAGE
                counts["rmw_pte"] += target == Target.SRC
                counts["atomics"] += 1
            case Kind.BRANCH:
                counts["br"] += 1
                counts["br_taken"] += taken
            case Kind.CALL | Kind.TLBI | Kind.DSB as other:
                counts[other.name.lower()] += 1
    counts["ld_src_incl_rmw"] = counts["ld_src"] + counts["rmw_pte"]
    return counts


def grown(program: str, order: int, state: str, kib: tuple[int, int]) -> Counter[str]:
    """Return what the larger of two partly filled tables executes more."""
    small, large = (counted(trace_of(program, order, size, state)) for size in kib)
    large.subtract(small)
    return large


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("program", COUNTS)
def test_order_0_per_pte(program: str, state: str) -> None:
    more = grown(
        program, 0, state, (1024, 1024 + 256)
    )  # 64 PTEs: whole periods of the every-4th look
    for key, count in COUNTS[program][f"order0_{state}"].items():
        if key in more:
            assert more[key] / 64 == pytest.approx(count, abs=ROUNDING), key


@pytest.mark.parametrize("order", [3, 5, 7])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("program", BATCHED)
def test_orders_that_were_not_recorded(program: str, state: str, order: int) -> None:
    """A batch of n costs F + n * s; only orders 2, 4 and 9 were recorded."""
    n = 1 << order
    more = grown(program, order, state, (1024, 1024 + 4 * n))
    assert_batch(more, program, state, n)


def assert_batch(more: Counter[str], program: str, state: str, n: int) -> None:
    fixed, slope = COUNTS[program][f"folio_{state}"], COUNTS[program][f"slope_{state}"]
    for key in {*fixed, *slope}:
        expected = fixed.get(key, 0) + n * slope.get(key, 0)
        assert more[key] == pytest.approx(expected, abs=(n + 1) * ROUNDING), (key, n)


@pytest.mark.parametrize("program", BATCHED)
@pytest.mark.parametrize("pages", [7, 11, 100])
def test_a_folio_that_the_vma_cuts_short_is_a_smaller_batch(program: str, pages: int) -> None:
    """The batch ends with the VMA: where it would look behind the folio, there is nothing."""
    space, frames = AddressSpace([Vma(0, pages)]), FrameTable()
    folio = frames.allocate(9)
    for slot in range(pages):
        folio.map_page(slot)
        folio.exclusive[slot] = True
        space.put(slot, make_pte(folio.first_pfn + slot, PRESENT | WRITE | DIRTY | YOUNG))
    steps = recorded_strategies()[program].function(ForkOperation.begin(Memory(space, frames)))
    events = Counter(step.event for step in steps if isinstance(step, Step))
    assert events["get"] == 1
    assert events["map"] == events["wrprotect"] == events["set"] == pages
    assert (events["scan"], events["peek"]) == (pages - 1, 0)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("program", BATCHED)
def test_mixes_are_the_sum_of_their_folios(program: str, state: str) -> None:
    """Half of the memory in order-0 pages, half in order-3 folios; orders interleave."""
    strategy = recorded_strategies()[program]
    isa = "x86_64" if program.endswith("x86_64") else "arm64"
    mix = Workload(
        operation="fork", memory_bytes=2 << 20, folio_orders={0: 0.5, 3: 0.5}, state=STATES[state]
    )
    (run,) = trace_runs(strategy, mix, isa, range_tlbi=False)
    found = counted(run.trace)
    single, fixed, slope = (COUNTS[program][f"{k}_{state}"] for k in ("order0", "folio", "slope"))
    for key in ("rmw_page", "rmw_pte", "st_dst"):
        expected = 256 * single.get(key, 0) + 32 * (fixed.get(key, 0) + 8 * slope.get(key, 0))
        assert found[key] == expected, key


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("program", BLOCKS)
def test_blocks_of_folios_that_were_not_recorded(program: str, state: str) -> None:
    """Order 6: four contiguous blocks; a batch takes its references once for all of them."""
    more = grown(program, 6, state, (1024, 1024 + 256))
    block = COUNTS[program][f"block_{state}"]
    per_folio = 0 if program.startswith("v4_") else 2 if program.startswith("v6.12") else 1
    for key in ("rmw_page", "atomics"):
        assert more[key] / 4 == pytest.approx(block[key] + per_folio / 4, abs=ROUNDING), key
    for key in ("tlbi", "dsb"):
        assert more[key] / 4 == block.get(key, 0), key
