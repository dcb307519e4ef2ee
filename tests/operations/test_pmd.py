"""Folios that a PMD maps: one entry for 512, and what a strategy can do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import costmodel
from costmodel.checking.check import check_strategy
from costmodel.checking.draw import draw_memory
from costmodel.checking.priced import mispriced
from costmodel.checking.run import Subject
from costmodel.code.library import load_library
from costmodel.mm.address_space import Rss
from costmodel.mm.build import build_memory
from costmodel.mm.layouts import telling_layouts
from costmodel.mm.pte import WRITE
from costmodel.mm.shapes import homogeneous
from costmodel.mm.violations import Guarantee
from costmodel.operations.fork.operation import READ_ONLY, WRITABLE
from costmodel.operations.mprotect.mm import as_registered
from costmodel.operations.mprotect.operation import TO_READ_ONLY, TO_WRITABLE
from costmodel.operations.mremap.operation import MOVED
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.pmd import ARCHITECTURES, LAYOUT, pmd_program, with_pmds
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.operation import EXIT, MUNMAP
from costmodel.recorder import load_program
from costmodel.strategies import fork as k

GIB = 1 << 30
STATES = {
    "fork": {"rw": WRITABLE, "ro": READ_ONLY},
    "zap": {"exit": EXIT, "munmap": MUNMAP},
    "mprotect": {"to-read-only": TO_READ_ONLY, "to-writable": TO_WRITABLE},
    "mremap": {"moved": MOVED},
}
"""The recorded states of each operation, and what they are in the model."""


def ns(machine: str, strategy: str = "v6.7", **asked: object) -> float:
    mapped = asked.pop("mapped", "pmd")
    settings = {"memory": "1 GiB", "order": 9, "overrides": {"mapped": mapped}} | asked
    return costmodel.price(machine, strategy, **settings).ns_per_pte  # type: ignore[arg-type]


@pytest.mark.parametrize("program", [pmd_program(name) for name in ARCHITECTURES])
@pytest.mark.parametrize("operation", STATES)
def test_what_is_executed_is_what_was_recorded(operation: str, program: str) -> None:
    library, known = load_library(operation, program), operation_named(operation)
    strategy = known.strategies()[0]
    for name, state in STATES[operation].items():
        window = load_program(operation, program).recordings[f"{name}/{LAYOUT}"]
        recorded = library.site[window.uop[1:]].tolist()  # the first row is the event before
        space = homogeneous(2 << 20, {9: 1.0}, pmd=True, state=state)
        run = next(iter(known.trace(strategy, strategy.programs[library.isa], library.isa, space)))
        executed = run.trace.site.tolist()[-len(recorded) :]
        # A window of zap begins behind the event that the model's period ends behind.
        begins = recorded.index(executed[0]) if operation == "zap" else 0
        assert recorded[begins:] + recorded[:begins] == executed
        assert run.ptes == 512


@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra", "epyc-milan"])
@pytest.mark.parametrize("operation", STATES)
def test_a_pmd_costs_a_small_part_of_its_table(machine: str, operation: str) -> None:
    strategy = operation_named(operation).strategies()[0].name
    by_table = ns(machine, strategy, operation=operation, mapped="pte")
    assert 0.004 * by_table < ns(machine, strategy, operation=operation) < 0.7 * by_table


def test_strategies_that_change_the_loop_change_nothing() -> None:
    """Their releases after an unmap differ, as kernels do."""
    assert ns("xeon-4210r", "folio-batch-v6.12") == ns("xeon-4210r")
    assert ns("ampere-altra", "contpte-per-pte") == ns("ampere-altra")


def test_a_mix_lies_between_its_parts() -> None:
    pages, huge = ns("xeon-4210r", order=0), ns("xeon-4210r")
    mix = ns("xeon-4210r", order={0: 0.5, 9: 0.5})
    assert mix == pytest.approx((pages + huge) / 2, rel=0.1)


def test_mapped_by_pmds_means_nothing_to_small_folios() -> None:
    assert ns("xeon-4210r", order=0) == ns("xeon-4210r", order=0, mapped="pte")


def test_dontneed_frees_the_tables_that_waited_for_a_split() -> None:
    kept, gone = (
        ns("xeon-4210r", operation="zap", state=state) for state in ("dontneed", "munmap")
    )
    assert kept == pytest.approx(gone, rel=0.02)


def test_mprotect_there_and_back_is_the_sum_of_both() -> None:
    each, both = (
        [ns("ampere-altra", "v6.12", operation="mprotect", state=state) for state in states]
        for states in (("to-read-only", "to-writable"), ("both-ways",))
    )
    assert both[0] == pytest.approx(sum(each), rel=0.01)


def test_an_unmap_drops_one_reference_and_frees_what_nobody_else_maps() -> None:
    for state, freed in ((MUNMAP, 1), (EXIT, 0)):
        (shape,) = homogeneous(2 << 20, {9: 1.0}, pmd=True, state=state).shapes
        zap = ZapOperation.begin(shape.build())
        events = [step.event for step in with_pmds("zap", nothing, zap)]  # type: ignore[union-attr]
        assert events == ["clear", "large_unmap", "unmap", "withdraw", "slot"]
        zap.finish()
        (folio,) = zap.frames
        assert (folio.freed, folio.refcount, zap.list.entries) == (freed, 1 - freed, [])
        assert not zap.faults and not zap.space.rss.total()


def nothing(_: object) -> Iterator[Any]:
    return iter(())


def fork_by(copy: Callable[[Any, Any], None]) -> Callable[[Any], Iterator[Any]]:
    """Return a strategy that copies PMDs so."""

    def strategy(fork: Any) -> Iterator[Any]:
        for pair in fork.pmds():
            copy(fork, pair)
        yield from ()

    return strategy


def copy(fork: Any, pair: Any, without: str = "") -> None:
    """Copy a PMD, but leave one thing out."""
    pmd = pair.src.read(0)
    folio = fork.folio_of(pmd)
    done: dict[str, Callable[[], Any]] = {
        "reference": lambda: fork.folio_get(folio),
        "mapping": lambda: fork.entire_mapcount_add(folio),
        "counter": lambda: fork.large_mapcount_add(folio, 1),
        "mark": lambda: fork.clear_exclusive(folio, 0),
        "resident set": lambda: fork.rss_add(Rss.ANON, 512),
        "table": lambda: fork.deposit(pair),
        "protection": lambda: pair.src.write_protect(0),
        "child's": lambda: pair.dst.set_ptes(0, 1, fork.child_pte(pair.vma, pmd & ~WRITE)),
    }
    for name, act in done.items():
        if name != without:
            act()


def zap_by(without: str = "") -> Callable[[Any], Iterator[Any]]:
    def strategy(zap: Any) -> Iterator[Any]:
        for table in zap.pmds():
            unmap(zap, table, without)
        yield from ()

    return strategy


def unmap(zap: Any, table: Any, without: str) -> None:
    """Unmap a PMD, but leave one thing out."""
    folio = zap.folio_of(table.src.read(0))
    done: dict[str, Callable[[], Any]] = {
        "entry": lambda: table.src.clear(0),
        "mapping": lambda: zap.entire_mapcount_add(folio, -1),
        "counter": lambda: zap.large_mapcount_add(folio, -1),
        "table": lambda: zap.withdraw(table),
        "resident set": lambda: zap.rss_sub(Rss.ANON, 512),
        "flush": lambda: zap.gather(folio, 1, slots=1),
    }
    for name, act in done.items():
        if name != without:
            act()
    if without == "flush":
        zap.drop(folio, 1)


def change_by(without: str = "") -> Callable[[Any], Iterator[Any]]:
    def strategy(mprotect: Any) -> Iterator[Any]:
        for table in mprotect.pmds():
            pmd = table.src.read(0)
            if without != "clear":
                pmd = table.src.clear(0)
            writable = mprotect.may_write(table.vma, pmd, mprotect.folio_of(pmd))
            pmd = as_registered(table.vma, pmd)
            pmd = pmd | WRITE if writable and without != "rights" else pmd & ~WRITE
            if without != "entry":
                table.src.set_ptes(0, 1, pmd)
            if without != "flush":
                mprotect.flush_later(table.src, 0)
        yield from ()

    return strategy


def move_by(without: str = "") -> Callable[[Any], Iterator[Any]]:
    def strategy(mremap: Any) -> Iterator[Any]:
        for table in mremap.pmds():
            pmd = table.src.read(0)
            if without != "entry":
                table.src.clear(0)
            if without != "table":
                mremap.move_deposit(table)
            table.dst.set_ptes(0, 1, pmd)
            if without != "flush":
                mremap.flush(table)
        yield from ()

    return strategy


PMDS_ALONE = [layout for layout in telling_layouts() if layout.name == "folio by its PMD"]


def test_a_drawing_shows_a_pmd_in_one_row() -> None:
    (layout,) = PMDS_ALONE
    lines = draw_memory(build_memory(layout), []).splitlines()
    assert lines[1:4] == [
        "page 0    A (a PMD maps it: pages 0 to 511)",
        "  index   0",
        "  state   W",
    ]


def broken(operation: str, strategy: Callable[[Any], Iterator[Any]]) -> set[Guarantee]:
    subject = Subject("mine", strategy, operation=operation, flushes=False)
    return {fault.guarantee for fault in check_strategy(subject, PMDS_ALONE).breaks}


LEFT_OUT = {
    "fork": [
        ("", None),
        ("reference", Guarantee.REFCOUNT),
        ("mapping", Guarantee.MAPCOUNT),
        ("counter", None),  # a kernel before v6.10
        ("mark", Guarantee.EXCLUSIVE),
        ("resident set", Guarantee.RSS),
        ("table", Guarantee.DEPOSIT),
        ("protection", Guarantee.WRITE_PROTECT),
        ("child's", Guarantee.CHILD_PTE),
    ],
    "zap": [
        ("", None),
        ("entry", Guarantee.PARENT_PTE),
        ("mapping", Guarantee.MAPCOUNT),
        ("table", Guarantee.DEPOSIT),
        ("resident set", Guarantee.RSS),
        ("flush", Guarantee.FREED),
    ],
    "mprotect": [
        ("", None),
        ("rights", Guarantee.PROTECTION),
        ("entry", Guarantee.ENTRY_BITS),
        ("flush", Guarantee.STALE_TLB),
    ],
    "mremap": [
        ("", None),
        ("entry", Guarantee.MOVED),
        ("table", Guarantee.DEPOSIT),
        ("flush", Guarantee.STALE_TLB),
    ],
}
"""Steps that each operation on a PMD takes, and the guarantee that breaks without them."""
WITHOUT = {
    "fork": lambda without: fork_by(lambda fork, pair: copy(fork, pair, without)),
    "zap": zap_by,
    "mprotect": change_by,
    "mremap": move_by,
}


@pytest.mark.parametrize(
    ("operation", "without", "guarantee"),
    [(operation, *case) for operation, cases in LEFT_OUT.items() for case in cases],
)
def test_check_finds_what_was_left_out_of_a_pmd(
    operation: str, without: str, guarantee: Guarantee | None
) -> None:
    found = broken(operation, WITHOUT[operation](without))
    assert guarantee in found if guarantee else not found


@pytest.mark.parametrize("without", ["", "counter"])
def test_a_loop_that_counts_mappings_of_large_folios_counts_pmds_too(without: str) -> None:
    def strategy(fork: Any) -> Iterator[Any]:
        yield from k.v6_12(fork)
        yield from fork_by(lambda fork, pair: copy(fork, pair, without))(fork)

    layouts = [layout for layout in telling_layouts() if layout.name == "PMDs and tables"]
    subject = Subject("mine", strategy, operation="fork", flushes=False)
    found = {fault.guarantee for fault in check_strategy(subject, layouts).breaks}
    assert found == ({Guarantee.MAPCOUNT} if without else set())


def test_what_is_done_to_a_pmd_must_be_priced() -> None:
    subject = Subject("mine", fork_by(copy), operation="fork", flushes=False)
    found = {each.event for each in mispriced(subject, PMDS_ALONE)}
    assert {"get", "map", "large_map", "clear_exclusive", "deposit", "wrprotect", "set"} == found


MINE = """
from costmodel.strategies import fork as k


def leaves_pmds_alone(fork):
    return k.v6_12(fork)


def no_reference(fork):
    yield from k.v6_12(fork)
    yield from k.dropping(k.copy_pmds(fork), "get")


def prefetches(fork):
    yield from k.v6_12(fork)
    for pair in fork.pmds():
        yield k.prefetch(k.Target.OTHER, 0)
        yield from k.copy_pmd(fork, pair)
"""


def test_a_user_changes_what_the_kernel_does_to_a_pmd(tmp_path: Any) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    alone, dropped, more = (
        ns("xeon-4210r", f"{file}:{name}")
        for name in ("leaves_pmds_alone", "no_reference", "prefetches")
    )
    assert alone == ns("xeon-4210r", "folio-batch-v6.12")
    assert dropped < alone <= more


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"operation": "mprotect", "state": "to-write-protected"}, "none was recorded"),
        ({"operation": "mprotect", "state": "shared-to-writable"}, "none was recorded"),
        ({"operation": "zap", "state": "dontneed-per-page"}, "splits PMDs"),
        ({"state": "mixed: writable 1, read-only 15"}, "splits PMDs"),
        ({"state": "file"}, "none was recorded"),
        ({"mapped": "pud"}, "mapped: "),
    ],
)
def test_what_was_not_recorded_is_refused(asked: dict[str, object], reason: str) -> None:
    strategy = "v6.12" if asked.get("operation") == "mprotect" else "v6.7"
    with pytest.raises(costmodel.ConfigError, match=reason) as refused:
        ns("xeon-4210r", strategy, **asked)
    assert len(refused.value.faults) == 1


def test_builds_that_were_not_recorded_so_are_refused() -> None:
    with pytest.raises(costmodel.ConfigError, match="was not recorded with folios that PMDs map"):
        ns("xeon-4210r", "v6.7@gcc13")
