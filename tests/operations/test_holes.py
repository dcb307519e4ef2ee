"""What entries that map nothing cost: the micro-ops that the kernel executes for them."""

from pathlib import Path

import pytest

import costmodel
from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.config.scenario import Protocol, default_scenario
from costmodel.config.workload import Workload
from costmodel.experiment import Cell, executed
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.extent import extent_of, space_of
from costmodel.studies import Price

MICRO_OPS = {
    "fork": {"x86_64": 16, "arm64": 13},
    "zap": {"x86_64": 8, "arm64": 7},
    "mprotect": {"x86_64": 12, "arm64": 12},
    "mremap": {"x86_64": 8, "arm64": 7},
}
"""Of 6.12.117, as counted in what was recorded of tables with few pages."""
MACHINES = {"x86_64": "xeon-4210r", "arm64": "ampere-altra"}
BASELINES = {"fork": "v6.7", "zap": "v6.7", "mprotect": "v6.12", "mremap": "v6.12"}


def price(machine: str, operation: str, memory: str, holes: float, order: int = 0) -> Price:
    strategy = BASELINES[operation]
    how = {"holes": holes} if holes else {}
    return costmodel.price(
        machine, strategy, operation=operation, memory=memory, order=order, overrides=how
    )


def micro_ops(found: Price, ptes: int) -> int:
    return round(sum(found.micro_ops_per_pte.values()) * ptes)


@pytest.mark.parametrize("operation", MICRO_OPS)
@pytest.mark.parametrize("isa", MACHINES)
def test_an_empty_entry_is_read_and_left(operation: str, isa: str) -> None:
    with_page = price(MACHINES[isa], operation, "4 KiB", 0)
    with_holes = price(MACHINES[isa], operation, "2 MiB", 511 / 512)
    assert with_holes.ptes == 512
    more = micro_ops(with_holes, 512) - micro_ops(with_page, 1)
    assert more == 511 * MICRO_OPS[operation][isa]


@pytest.mark.parametrize("operation", MICRO_OPS)
@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra", "epyc-zen5"])
def test_the_more_is_there_the_longer_it_takes(operation: str, machine: str) -> None:
    times = [price(machine, operation, "64 MiB", holes).ns_per_pte for holes in (0.9, 0.5, 0.1, 0)]
    assert times == sorted(times) and times[0] < times[-1] * 2 / 3


PASSING_BY = """
from costmodel.strategies import fork as k

def reads(fork):
    for pair in fork.tables():
        yield from k.new_table(fork, pair)
        progress = k.Progress()
        for slot in range(pair.first, pair.end):
            if not {looks}:
                entry = yield from k.read(fork, pair, slot, progress)
                if entry.folio is None:
                    yield from k.copy_unusual(fork, pair, slot, progress)
                else:
                    yield from k.copy_single(fork, pair, entry)
                    progress.done += k.COPIED
"""


def test_a_strategy_that_passes_by_empty_entries_pays_for_them(tmp_path: Path) -> None:
    counts = []
    for name, looks in {"all": "False", "none": "pair.src.read(slot) == 0"}.items():
        path = tmp_path / f"{name}.py"
        path.write_text(PASSING_BY.format(looks=looks))
        how = {"memory": "2 MiB", "overrides": {"holes": 0.75}}
        found = costmodel.price("xeon-4210r", f"{path}:reads", **how)  # type: ignore[arg-type]
        counts.append(micro_ops(found, 512))
    assert counts[0] == counts[1] > 384 * MICRO_OPS["fork"]["x86_64"]


UNMAPPING = """
from costmodel.operations.zap import loop, per_pte

def unmaps(zap):
    for table in zap.tables():
        yield loop.lock(zap, table, table.first)
        for slot in range(table.first, table.end):
            entry = loop.entry_at(zap, table, slot)
            if entry.pte:
                entry.value = yield entry.step("read")
                yield from per_pte.unmap_one(zap, table, entry)
            elif {looks}:
                yield from zap.skip(slot)
"""


@pytest.mark.parametrize("machine", MACHINES.values())
@pytest.mark.parametrize(
    "state", ["dontneed", "dontneed-per-page", "dontneed: range 96 KiB, per_call 3, flush range"]
)
def test_empty_entries_of_ranges_are_paid_for_too(tmp_path: Path, state: str, machine: str) -> None:
    """The sixth range of 24 pages begins with eight that are there."""
    counts = []
    for looks in (True, False):
        path = tmp_path / f"{looks}.py"
        path.write_text(UNMAPPING.format(looks=looks))
        found = costmodel.price(
            machine, f"{path}:unmaps", operation="zap", order=0, memory="2 MiB", state=state,
            overrides={"holes": 0.75},
        )  # fmt: skip
        counts.append(sum(found.micro_ops_per_pte.values()))
    assert counts[0] == pytest.approx(counts[1], rel=1e-9)


def test_few_pages_in_many_tables_cost_more_than_in_few() -> None:
    sparse = price("xeon-4210r", "fork", "64 MiB", 1 - 1 / 64)
    dense = price("xeon-4210r", "fork", "1 MiB", 0)
    assert sparse.ns_per_pte * sparse.ptes > 1.2 * dense.ns_per_pte * dense.ptes


def test_a_table_that_maps_nothing_does_not_exist() -> None:
    whole = price("xeon-4210r", "fork", "64 MiB", 0.75, order=9)
    alone = price("xeon-4210r", "fork", "16 MiB", 0, order=9)
    assert whole.ptes == alone.ptes and whole.ns_per_pte == alone.ns_per_pte


@pytest.mark.parametrize("share", [0, 0.0, "0%", "0.0%", "0 %", "75 %"])
def test_none_is_a_share_too(share: float | str) -> None:
    asked = default_scenario().replace({"holes": share})
    assert asked.holes == (0.75 if share == "75 %" else 0)


@pytest.mark.parametrize("share", ["100%", 1, -0.1, "half", True])
def test_a_share_is_less_than_all(share: object) -> None:
    with pytest.raises(ConfigError, match=r"holes: must be a share such as 75%, at least 0"):
        costmodel.price("xeon-4210r", "v6.7", overrides={"holes": share})  # type: ignore[dict-item]


@pytest.mark.parametrize("state", ["munmap", "shared-munmap", "dontneed", "shared-dontneed"])
@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra"])
def test_a_flush_ends_with_the_last_page(machine: str, state: str) -> None:
    """What half a table maps is flushed as if the mapping ended there."""

    def unmapped(memory: str, holes: float) -> Price:
        return costmodel.price(
            machine, "v6.7", operation="zap", order=0, state=state, memory=memory,
            overrides={"holes": holes},
        )  # fmt: skip

    half, alone = unmapped("2 MiB", 0.5), unmapped("1 MiB", 0.0)
    flushes = [p.stack_ns_per_pte["asid_flush"] * p.ptes for p in (half, alone)]
    assert flushes[0] == pytest.approx(flushes[1], rel=1e-9)


@pytest.mark.parametrize("operation", ["fork", "zap", "spawn"])
def test_all_operations_count_the_same_tables(operation: str) -> None:
    """Tables of large folios exist only where there is a folio for them."""
    state = "writable" if operation == "fork" else "exit"
    workload = Workload(
        operation=operation, memory_bytes=1 << 30, folio_orders={9: 0.46, 8: 0.54}, state=state,
        holes=0.5,
    )  # fmt: skip
    machine = load_machine("xeon-4210r")
    runs = executed(Cell(machine, workload, "v6.7", Protocol()))
    tables = extent_of(workload).tables
    assert tables == sum(shape.count for shape in space_of(workload).shapes) < 512
    if operation == "fork":
        assert sum(run.count for run in runs) == tables
    assert operation_named(operation).shared_work(workload).tables == tables
