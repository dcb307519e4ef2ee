"""What calls on few pages say: the parts come back, and a trap is told from code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.config.machine import load_machine
from costmodel.measure.in_caches import InCaches, in_caches, in_caches_meaning, predicted_pte_ns
from costmodel.measure.prediction import RunningKernel

NS = st.floats(1, 5000)


def calls(
    call: float, pte: float, flush: float, table: float, empty: float, whole: float
) -> dict[str, float]:
    """Return the calls of a kernel in which each part costs so much, in nanoseconds.

    More than 33 pages from the first to the last are flushed as a ``whole``.
    """
    pages = {
        n: call + table + n * pte + (n * flush if n <= 33 else whole) for n in (8, 32, 64, 256)
    }
    tables = {
        n: call + max(n, 1) * (table + pte) + n * 512 * empty + (flush if n <= 1 else whole)
        for n in (0.5, 1, 2, 17)
    }
    return {
        **{f"mprotect of {n} pages": ns for n, ns in pages.items()},
        **{f"mprotect of a page in each of {n} tables": ns for n, ns in tables.items()},
    }


@given(NS, NS, NS, NS, st.floats(0, 2), NS)
def test_each_part_of_a_call_comes_back(
    call: float, pte: float, flush: float, table: float, empty: float, whole: float
) -> None:
    found = in_caches(calls(call, pte, flush, table, empty, whole), "x86_64")
    assert found is not None
    assert found.pte_ns == pytest.approx(pte, abs=1e-6)
    assert found.flush_ns == pytest.approx(flush, abs=1e-6)
    assert found.table_ns == pytest.approx(table, abs=1e-6)


def test_no_part_is_negative_where_times_cross() -> None:
    slower_with_less = {name: 1e6 - ns for name, ns in calls(1e3, 70, 50, 300, 0, 90).items()}
    assert in_caches(slower_with_less, "x86_64") == InCaches(0, 0, 0)


def test_a_file_without_these_calls_says_nothing() -> None:
    assert in_caches({"munmap of a page": 3000.0}, "x86_64") is None


@pytest.mark.parametrize("part", ["pte", "flush", "table"])
def test_a_part_that_takes_as_long_as_a_trap_tells_of_shadow_paging(part: str) -> None:
    # A trap takes 375 ns at 4 GHz, a write to a shadowed table three times that.
    usual = {"pte": 70.0, "flush": 50.0, "table": 1100.0}
    shadowed = usual | {part: 1200.0}
    texts = [in_caches_meaning(InCaches(*each.values()), 50.0, 4.0) for each in (usual, shadowed)]
    assert "(375 ns or more, for a table 1125): there is none" in texts[0]
    assert "shadow paging" not in texts[0]
    assert "shadow paging" in texts[1] and "1200" in texts[1]
    assert "70 ns for a PTE (predicted 50)" in texts[0]


def test_the_prediction_is_that_of_code_in_the_caches() -> None:
    machine = load_machine("epyc-zen5")
    slow = machine.with_value("caches.dram.latency_ns", 300.0)
    kernel = RunningKernel("6.17.0")
    usual = predicted_pte_ns(machine, kernel)
    assert usual is not None and 5 < usual < 100
    assert predicted_pte_ns(slow, kernel) == pytest.approx(usual, rel=0.02)
    assert predicted_pte_ns(machine, RunningKernel("5.4.0")) is None
