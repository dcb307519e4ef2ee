"""Small changes to a strategy change just that much of what is executed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from costmodel.config.workload import Workload
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.strategy import Strategy, arm64, both
from costmodel.strategies import fork as k
from costmodel.strategies.runs import trace_runs

Function = Callable[[ForkOperation], k.Steps]
PTES = 512


def kinds(function: Function, *, order: int, isa: str = "arm64", contpte: str = "") -> Counter[str]:
    programs = arm64(contpte) if contpte else both("v6.12.117")
    strategy = Strategy("mine", "", function, "fork", programs, contpte=bool(contpte))
    workload = Workload(
        operation="fork", memory_bytes=2 << 20, folio_orders={order: 1.0}, state="writable"
    )
    (run,) = trace_runs(strategy, workload, isa, range_tlbi=False)
    return Counter(dict(run.trace.kinds()))


def difference(function: Function, *, order: int, isa: str = "arm64") -> dict[str, int]:
    """Return by how much a change to v6.12 changes the counts of kinds."""
    counts = kinds(function, order=order, isa=isa)
    counts.subtract(kinds(k.v6_12, order=order, isa=isa))
    return {kind: count for kind, count in counts.items() if count}


@pytest.mark.parametrize("isa", ["arm64", "x86_64"])
@pytest.mark.parametrize("order", [0, 3, 9])
@pytest.mark.parametrize("event", ["map", "clear_exclusive", "wrprotect"])
def test_one_atomic_per_page_less(event: str, order: int, isa: str) -> None:
    """Where the recorded kernel has a way without (a page that is not exclusive), it takes that."""
    change = difference(lambda fork: k.dropping(k.v6_12(fork), event), order=order, isa=isa)
    assert change["rmw"] == -PTES
    if event == "map":
        assert change == {"rmw": -PTES}


@pytest.mark.parametrize("order", [0, 9])
def test_one_atomic_per_page_more(order: int) -> None:
    def more(fork: ForkOperation) -> k.Steps:
        return k.after(k.v6_12(fork), "map", lambda s: k.rmw(k.Target.PAGE, 64 * s.page + 16))

    assert difference(more, order=order) == {"rmw": PTES}


def test_a_barrier_before_every_store() -> None:
    def barriers(fork: ForkOperation) -> k.Steps:
        return k.before(k.v6_12(fork), "set", k.dsb(), k.isb())

    assert difference(barriers, order=4) == {"dsb": PTES, "isb": PTES}


def test_another_batch_limit_makes_more_batches() -> None:
    def limited(fork: ForkOperation) -> k.Steps:
        return k.copy_batched(fork, k.Batching(counts_large=True, limit=16))

    change = difference(limited, order=9)
    assert change["rmw"] == 2 * (PTES // 16 - 1)  # a reference and a large map count per batch
    order_4 = kinds(k.v6_12, order=4)
    assert kinds(limited, order=9)["rmw"] == order_4["rmw"]


def test_converts_without_their_tlbis() -> None:
    name = "v4_before_change"
    plain = kinds(k.copy_unbatched, order=9, contpte=name)

    def silent(fork: ForkOperation) -> k.Steps:
        return k.without(k.copy_unbatched(fork), k.Kind.TLBI)

    plain.subtract(kinds(silent, order=9, contpte=name))
    assert {kind: n for kind, n in plain.items() if n} == {"tlbi": 3 * PTES}


def test_hand_written_micro_ops_are_left_out_too() -> None:
    steps = k.without(iter([k.tlbi(), k.dsb()]), k.Kind.TLBI)
    assert [step.kind for step in steps if isinstance(step, k.Uop)] == [k.Kind.DSB]
