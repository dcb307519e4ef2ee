"""A third operation, defined in this file alone: one class, one strategy.

It clears the accessed bit of every entry, as ``/proc/PID/clear_refs`` does. Nothing else of the
program knows it, yet every command can be asked about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel
from costmodel.arrays import Ints
from costmodel.cli.main import main
from costmodel.code.trace import TableRun
from costmodel.config.errors import ConfigError
from costmodel.mm.build import Memory
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import PRESENT, TABLE_PTES, YOUNG
from costmodel.mm.shapes import ShapedSpace, homogeneous
from costmodel.mm.state import PteState
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import DirtyRule, Guarantee, Violation
from costmodel.operations.fork.allocation import allocation
from costmodel.operations.protocol import Announced, Operation, Words
from costmodel.operations.registry import operation_named, register, unregister
from costmodel.operations.shared.entry import Entry, Steps
from costmodel.operations.shared.strategy import Strategy, both
from costmodel.operations.shared.trace import loop_runs
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.build_archive import RELEASE, TABLE, BuildArchive, BuildInfo, save_archive
from costmodel.recorder.recorded import Opens, RecordedEvents, WholeTables


class Ageing(TableOperation):
    """What strategies get."""

    def __init__(self, memory: Memory, tlb: TlbView, *, contpte: bool) -> None:
        super().__init__(memory.frames, tlb, contpte=contpte)
        self.space = memory.space

    def tables(self) -> Iterator[LiveTable]:
        for number, slots in self.space.pmds:
            base, part = number * TABLE_PTES, (0, TABLE_PTES)
            yield LiveTable(slots, base, part, self.tlb, self.faults)

    def make_old(self, table: LiveTable, slot: int) -> None:
        table.slots[slot] &= ~YOUNG


def one_by_one(ageing: Ageing) -> Steps:
    """Clear the accessed bit of one entry after the other."""
    for table in ageing.tables():
        for slot, pte in enumerate(table.slots):
            if pte & PRESENT:
                entry = Entry(slot, pte, ageing.folio_of(pte))
                yield entry.step("read")
                ageing.make_old(table, slot)
                yield entry.step("wrprotect")
            elif not pte:
                yield from ageing.skip(slot)


def nothing(ageing: Ageing) -> Steps:
    """Leave everything as it is."""
    yield from ()


def freed(
    archive: BuildArchive,
    opens: Opens,
    space: ShapedSpace,
    _tables: Sequence[TableRun],
    _aligned: bool,
) -> Iterator[TableRun]:
    """Release as many tables of pages as there are."""
    assert archive.info.slots
    for shape in space.shapes:
        yield TableRun(opens(f"new/order0{RELEASE}", shape), shape.count, 0)


class Age(Operation):
    """Clears accessed bits, with the recorded steps of fork."""

    name = "age"
    words = Words("clear accessed bits", (PteState("fresh", "freshly written"),), loop="walk")
    events = ("read", "get", "map", "wrprotect", "set")
    event_before = "set"
    announced = Announced(folios={"make_old": "wrprotect"})

    @property
    def steps(self) -> Traversable:
        return operation_named("fork").steps

    def strategies(self) -> Sequence[Strategy]:
        return (Strategy("v6.7", "one entry at a time", one_by_one, self.name, both("v6.7")),)

    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> Ageing:
        return Ageing(memory, TlbView(resizes_freely=resizes_freely), contpte=contpte)

    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        return loop_runs(strategy, program, space)

    def recorded(self) -> RecordedEvents:
        def unknown(*_: object) -> Any:
            raise AssertionError("its windows are priced as they are")

        return RecordedEvents(
            unknown, unknown, whole=WholeTables({"fresh": "new"}, allocation, freed)
        )

    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        assert isinstance(done, Ageing)
        young = [vpn for vpn, pte in done.space.entries() if pte & PRESENT and pte & YOUNG]
        where = (range(vpn, vpn + 1) for vpn in young)
        return [Violation(Guarantee.PARENT_PTE, "", "entry is young", vpns) for vpns in where]


@pytest.fixture(autouse=True)
def age() -> Iterator[None]:
    register(Age())
    yield
    unregister("age")


def test_run_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "age.yaml"
    scenario.write_text(
        "title: ages\noperation: age\nmemory: 4 MiB\nmachines: [ampere-altra, xeon-4210r]\n"
        "folio_orders: [0, 9]\nbaseline: v6.7\nprotocol: {runs: 2, iterations: 2}\n"
    )
    results = tmp_path / "age.json"
    assert main(["run", str(scenario), "--jobs", "1", "--json", str(results)]) == 0
    assert "age" in capsys.readouterr().out
    (first, *others) = json.loads(results.read_text())["cells"]
    assert (first["operation"], first["strategy"], len(others)) == ("age", "v6.7", 3)
    picture = tmp_path / "age.svg"
    assert main(["plot", str(results), "-o", str(picture)]) == 0
    assert picture.read_text().lstrip().startswith("<?xml")


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ampere-altra", "v6.7", "--vs", "v6.7", "--operation", "age", "--memory", "2 MiB"]
    assert main(["explain", *words]) == 0
    assert "v6.7" in capsys.readouterr().out


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "v6.7", "--operation", "age", "--layouts", "3"]) == 0
    assert capsys.readouterr().out.startswith("age v6.7: ok")


def test_what_it_costs_is_the_walk_alone() -> None:
    cost = costmodel.price("xeon-4210r", "v6.7", operation="age", memory="4 MiB", order=0)
    parts = cost.segments_ns_per_pte
    assert parts["walk"] > 1
    assert parts["around"] == 0
    assert cost.micro_ops_per_pte["rmw"] == pytest.approx(1, abs=0.01)


def test_an_empty_entry_that_nobody_recorded_is_refused() -> None:
    with pytest.raises(ConfigError, match="what age executes for an entry that maps nothing"):
        costmodel.price("xeon-4210r", "v6.7", operation="age", overrides={"holes": 0.5})


def archive(folder: Path, *, slots: int = 0) -> str:
    """Write an archive of a kernel that ages a table of order-0 pages, and return its name.

    Each entry is read and stored. With ``slots`` a release follows, of one access for each page.
    """
    static = [
        (0, "load", "mov", "src", 8, "age"),
        (1, "store", "mov", "src", 8, "age"),
        (2, "load", "mov", "page", 4, "release"),
    ]
    entry = np.arange(2 * TABLE_PTES) // 2
    table = window(f"order0{TABLE}", entry, np.arange(2 * TABLE_PTES) % 2, data=np.arange(2) % 2)
    pages = np.arange(TABLE_PTES)
    release = window(f"order0{RELEASE}", pages, np.full(TABLE_PTES, 2), data=np.zeros(1, int))
    windows = {f"new/{each.layout}": each for each in (table, release)[: 2 if slots else 1]}
    info = BuildInfo(
        name="old", operation="age", isa="x86_64", version="6.12", compiler="gcc", config_hash="0",
        contpte=False, mitigations=False, cpu="cascade-lake", uncut="no loop",
        slots={f"new/order0{RELEASE}": slots} if slots else {},
    )  # fmt: skip
    program = RecordedProgram.of("old.x86_64", static, windows)
    save_archive(folder / "old.ckb", BuildArchive(info, program))
    return f"@{folder / 'old.ckb'}"


def window(layout: str, index: Ints, uop: Ints, *, data: Ints) -> Recording:
    """Return a window of whole iterations; ``data``: the distance to the value of each row."""
    distance = np.zeros((len(uop), 5), np.int64)
    distance[:, 2] = np.resize(data, len(uop))
    nothing = np.zeros(len(uop), np.int64)
    return Recording("new", layout, TABLE_PTES, uop, distance, index, nothing, nothing - 1)


def executed(strategy: str, *, memory: str) -> dict[str, float]:
    cost = costmodel.price("xeon-4210r", strategy, operation="age", order=0, memory=memory)
    return dict(cost.micro_ops_per_pte)


def test_a_recorded_table_is_priced_as_it_is(tmp_path: Path) -> None:
    """Its state has another name in recordings, and a table is allocated before it."""
    found = executed(archive(tmp_path), memory="4 MiB")
    ahead = len(allocation("x86_64", homogeneous(2 << 20, {0: 1.0}).shapes[0])) - 1
    assert sum(found.values()) == pytest.approx(2 + ahead / TABLE_PTES)
    with pytest.raises(ConfigError, match="holds whole tables: memory must be a multiple of 2 MiB"):
        executed(f"@{tmp_path / 'old.ckb'}", memory="1 MiB")


def test_recorded_tables_have_no_holes(tmp_path: Path) -> None:
    name = archive(tmp_path)
    with pytest.raises(ConfigError, match="none of them empty: holes must be 0"):
        costmodel.price(
            "xeon-4210r", name, operation="age", order=0, memory="4 MiB", overrides={"holes": 0.5}
        )


def test_what_follows_recorded_tables_is_the_operations_own(tmp_path: Path) -> None:
    name = archive(tmp_path, slots=TABLE_PTES)
    cost = costmodel.price("xeon-4210r", name, operation="age", order=0, memory="4 MiB")
    assert cost.segments_ns_per_pte["release"] > 0 < cost.segments_ns_per_pte["walk"]


def test_a_strategy_that_does_nothing_is_found_out() -> None:
    from costmodel.checking.check import check_strategy, standard_layouts
    from costmodel.checking.run import Subject

    report = check_strategy(Subject("nothing", nothing, operation="age"), standard_layouts(0, 0))
    assert not report.passed


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="must have a new name"):
        register(Age())
