"""Intervals by sampling: what is uncertain shows, on its own side, cliffs included."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from costmodel import api
from costmodel.calibration.predict import log_times
from costmodel.calibration.targets import usual_case
from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import names
from costmodel.experiment import Cell, run_cell
from costmodel.uncertainty.choices import as_number, doubtful_choices
from costmodel.uncertainty.priors import priors
from costmodel.uncertainty.sampling import (
    SAMPLES,
    SHAPING,
    SIZES,
    change_interval,
    drawn_machines,
    has_cliff,
    log_samples,
    machines_if_known,
    seconds_interval,
    share_of_known,
    shares_by_number,
)
from costmodel.uncertainty.spread import Times, joint_spread

ALTRA = load_machine("ampere-altra")
XEON = load_machine("xeon-4210r")
GRAVITON = load_machine("graviton3")


def each(time: Callable[[Machine], float]) -> Times:
    return lambda machines: [time(machine) for machine in machines]


def drawn(machine: Machine) -> Iterator[tuple[str, float]]:
    for key, (_, value) in machine.changes.items():
        yield key, as_number(value)


def test_the_same_machines_are_drawn_every_time() -> None:
    def seconds(machine: Machine) -> float:
        return math.exp(machine.kernel.table_alloc_ns.value / 1000)

    first, second = (log_samples(ALTRA, seconds(ALTRA), each(seconds)) for _ in range(2))
    assert first == second and len(first) == SAMPLES
    assert min(first) < 0 < max(first)


@pytest.mark.parametrize("name", ["xeon-4210r", "ampere-altra", "apple-m2-vm"])
def test_what_is_drawn_of_a_fit_does_not_depend_on_the_library(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign of an eigenvector is whatever the library on a CPU makes of it."""
    eigh = np.linalg.eigh

    def other_signs(matrix: Any) -> Any:
        values, vectors = eigh(matrix)
        return values, vectors * np.resize([1, -1, -1], len(values))

    machine = load_machine(name)
    key = joint_spread(machine).priors[0].key
    here = machines_if_known(machine, key)  # these are drawn anew each time
    monkeypatch.setattr(np.linalg, "eigh", other_signs)
    there = machines_if_known(machine, key)
    for one, other in zip(here, there, strict=True):
        assert dict(drawn(one)) == pytest.approx(dict(drawn(other)))


def test_numbers_stay_within_their_ranges() -> None:
    def seconds(machine: Machine) -> float:
        for parameter in machine.parameters.values():
            assert parameter.low <= parameter.value <= parameter.high
        assert machine.core.store_queue_entries.value <= machine.core.rob_entries.value
        return 1.0

    assert set(log_samples(GRAVITON, 1.0, each(seconds))) == {0.0}


def test_each_side_has_its_own_width() -> None:
    low, high = seconds_interval(1.0, (0.3, 0.3, -0.01, -0.01))
    assert low == pytest.approx(math.exp(-1.645 * 0.01), rel=1e-3)
    assert high == pytest.approx(math.exp(1.645 * 0.3), rel=1e-3)


def test_what_moves_both_kernels_alike_does_not_blur_their_change() -> None:
    both = (0.2, -0.1, 0.05)
    assert change_interval(-30.0, both, both) == pytest.approx((-30.0, -30.0))


def test_other_builds_widen_the_side_on_which_they_lie() -> None:
    """The machine has nothing to do with the build: squares add up."""
    low, high = seconds_interval(1.0, (0.02, -0.02), builds=(-0.08, 0.0))
    assert math.log(high) == pytest.approx(1.645 * 0.02, rel=1e-3)
    assert math.log(low) == pytest.approx(-math.hypot(1.645 * 0.02, 0.08), rel=1e-3)


def test_an_interval_holds_the_whole_range_over_builds() -> None:
    nothing = (0.0, 0.0)
    builds = (math.log(0.97), math.log(1.05))
    assert change_interval(0.0, nothing, nothing, builds) == pytest.approx((-3.0, 5.0))


def test_without_samples_only_builds_differ() -> None:
    assert seconds_interval(2.0, ()) == pytest.approx((2.0, 2.0))


def test_a_cliff_is_few_machines_that_deviate_by_much() -> None:
    assert has_cliff((0.01, -0.01, 0.02, 0.3))
    assert not has_cliff((0.2, -0.2, 0.25, 0.3)) and not has_cliff((0.001, 0.001, 0.01))


def test_a_choice_without_a_source_widens_the_interval() -> None:
    """Atomics of Graviton3 are near by inference; far they cost several times as much."""
    case = usual_case("v6.7", 0)

    def high_over_value(machine: Machine) -> float:
        (log,) = log_times(machine, [case]).values()
        logs = log_samples(
            machine, math.exp(log), each(lambda m: math.exp(log_times(m, [case])[case]))
        )
        return seconds_interval(1.0, logs)[1]

    settled = GRAVITON.with_value("atomics.near_when_loaded", True)
    assert set(doubtful_choices(GRAVITON)) - set(doubtful_choices(settled)) == {
        "atomics.near_when_loaded"
    }
    assert high_over_value(GRAVITON) > 2 > high_over_value(settled)


def test_what_only_several_cpus_feel_is_drawn_for_them_alone() -> None:
    alone, together = (drawn_machines(XEON, many_cpus=many_cpus) for many_cpus in (False, True))
    assert len({machine.topology.line_ns.value for machine in together}) > SAMPLES / 2
    assert {machine.topology.line_ns.value for machine in alone} == {47}
    for machine in together:
        assert machine.topology.line_ns.value <= machine.topology.far_line_ns.value
        assert machine.shootdown.delivery_ns.value <= machine.shootdown.far_delivery_ns.value
        assert {machine.topology.sockets.value} <= {1, 2}


def test_unknown_prices_of_sharing_widen_answers_of_several_cpus() -> None:
    """A price that the user sets for this run is certain."""
    cell = api.cell("graviton3", "contpte-per-pte", order=4, cpus=32, memory="4 MiB")
    keys = ("tlbi.per_cpu_ns", "tlbi.issue_ns", "tlbi.broadcast_ns")
    known = cell.machine.with_values({key: cell.machine.parameters[key].value for key in keys})

    def width(machine: Machine) -> float:
        low, high = seconds_interval(1.0, run_cell(replace(cell, machine=machine)).log_samples)
        return high / low

    assert width(cell.machine) > 1.2 * width(known) > 1.2


@pytest.mark.parametrize("name", ["xeon-4210r", "graviton3"])
def test_an_answer_is_as_uncertain_as_the_call_that_decides_it(name: str) -> None:
    """A call per page is most of the time, fitted machine or not, and nobody measured it."""
    cell = api.cell(name, "v6.7", operation="zap", state="dontneed-per-page", memory="64 KiB")
    key = "kernel.unmap_call_ns"
    call = cell.machine.parameters[key]
    known = replace(cell, machine=cell.machine.with_values({key: call.value}))

    def ratio(asked: Cell) -> float:
        low, high = seconds_interval(1.0, run_cell(asked).log_samples)
        return high / low

    assert ratio(cell) > 1.4 * ratio(known)
    assert ratio(cell) < call.high / call.low


@pytest.mark.parametrize("name", names("machines"))
def test_every_number_that_is_not_known_exactly_is_drawn(name: str) -> None:
    """The number that decides an answer is among them, whatever it is."""
    machine = load_machine(name)
    drawn = drawn_machines(machine)
    for prior in priors(machine):
        values = {m.parameters[prior.key].value for m in drawn}
        assert len(values) > 1, prior.key
        if prior.key in SIZES:  # known no better than SIZE_SHARE, so beyond narrow ranges, too
            middle = machine.parameters[prior.key].value
            assert min(values) <= middle - 0.8 * (middle - prior.low), prior.key
            assert max(values) >= middle + 0.8 * (prior.high - middle), prior.key
        else:
            assert prior.low <= min(values) and max(values) <= prior.high, prior.key


def test_numbers_that_shape_programs_leave_few_programs() -> None:
    """Each combination of their values needs programs of its own; few do, and no two go along."""
    machine = load_machine("epyc-milan")
    columns = {
        key: [m.parameters[key].value for m in drawn_machines(machine)]
        for key in SHAPING
        if machine.parameters[key].low < machine.parameters[key].high and key != "topology.sockets"
    }
    assert len(columns) >= 4
    assert len(set(zip(*columns.values(), strict=True))) <= 7
    for one, other in itertools.combinations(columns, 2):
        correlation = np.corrcoef(columns[one], columns[other])[0, 1]
        assert abs(correlation) < 0.6, (one, other)


def test_the_depth_of_a_prefetcher_widens_what_it_decides() -> None:
    """It was held fixed: batches of order 9 on Milan then seemed five times as certain."""
    key = "caches.prefetch.depth_lines"
    new, base = (api.cell("epyc-milan", name, order=9) for name in ("folio-batch-v6.9", "v6.7"))
    shipped = new.machine
    known = shipped.with_values({key: shipped.parameters[key].value})

    def width(machine: Machine) -> float:
        own, other = (run_cell(replace(c, machine=machine)).log_samples for c in (new, base))
        low, high = change_interval(0.0, own, other)
        return high - low

    assert width(shipped) > 1.2 * width(known)


def test_a_number_is_drawn_alike_whatever_else_is_uncertain() -> None:
    """What the user sets for this run, or a fit leaves out, changes no other independent number."""
    key, other = "kernel.unmap_call_ns", "kernel.table_free_ns"
    settled = XEON.with_values({other: XEON.parameters[other].value})
    drawn = [[m.parameters[key].value for m in drawn_machines(on)] for on in (XEON, settled)]
    assert drawn[0] == drawn[1] and len(set(drawn[0])) > SAMPLES / 2


def test_levels_whose_ranges_overlap_are_drawn_in_order() -> None:
    """As a busy machine is measured: its last-level cache may seem as near as the L2."""
    shipped = load_machine("epyc-milan")
    near = 0.97 * shipped.caches.llc.latency_ns.value * shipped.core.clock_ghz.value
    overlapping = shipped.with_values({"caches.l2.latency_cycles": near})
    drawn = drawn_machines(overlapping)
    assert len(drawn) == SAMPLES
    for machine in drawn:
        l2_ns = machine.caches.l2.latency_cycles.value / machine.core.clock_ghz.value
        assert l2_ns < machine.caches.llc.latency_ns.value


def test_what_follows_one_number_is_decided_by_it() -> None:
    machine = load_machine("graviton3")
    logs = log_samples(
        machine, 1.0, each(lambda drawn: float(drawn.caches.llc.latency_ns.value) ** 3)
    )
    shares = shares_by_number(machine, logs)
    assert shares["caches.llc.latency_ns"] == pytest.approx(1, abs=0.03)
    assert sorted(shares.values())[-2] < 0.5


def test_a_choice_that_moves_few_machines_by_much_decides() -> None:
    """By ranks it would have half: what a number does among the other machines counts as much."""
    machine = load_machine("epyc-zen4")

    def seconds(drawn: Machine) -> float:
        return 1 + drawn.atomics.locked_alone.value + 0.001 * float(drawn.core.clock_ghz.value)

    shares = shares_by_number(machine, log_samples(machine, seconds(machine), each(seconds)))
    assert shares["atomics.locked_alone"] > 0.95


def test_numbers_without_a_part_have_no_share_in_the_mean() -> None:
    """All 16 machines lie somewhere: the square of a correlation by chance is 1/15 in the mean."""
    machine = load_machine("graviton3")
    rng = np.random.default_rng(7)
    shares = [shares_by_number(machine, list(rng.normal(size=SAMPLES))) for _ in range(50)]
    assert np.mean([list(found.values()) for found in shares]) < 0.06


def test_if_a_number_is_known_the_others_are_drawn_as_before() -> None:
    machine, key = load_machine("epyc-milan"), "caches.prefetch.depth_lines"
    for drawn, known in zip(drawn_machines(machine), machines_if_known(machine, key), strict=True):
        assert known.parameters[key].value == machine.parameters[key].value
        assert {**known.changes, key: None} == {**drawn.changes, key: None}


def test_what_a_fit_left_correlated_moves_with_a_known_number() -> None:
    machine = load_machine("ampere-altra")
    spread = joint_spread(machine)
    largest = int(np.triu(abs(spread.covariance), 1).argmax())
    keys = [spread.priors[at].key for at in divmod(largest, len(spread.priors))]

    def deviation(machines: Sequence[Machine]) -> float:
        return float(np.std([each.parameters[keys[1]].value for each in machines]))

    assert deviation(machines_if_known(machine, keys[0])) < deviation(drawn_machines(machine))


def test_a_known_number_has_the_share_that_it_decides() -> None:
    """Whatever others do on the same machines: a number without a part has none."""
    rng = np.random.default_rng(7)
    others, own = rng.normal(size=SAMPLES), 2 * rng.normal(size=SAMPLES)
    expected = np.var(own) / (np.var(own) + np.var(others))
    logs, rest = list(own + others), list(others)
    assert share_of_known(logs, rest) == pytest.approx(expected)
    assert share_of_known(rest, rest) == 0
    assert share_of_known(logs, rest, (0.5, 0.5)) < expected
    assert share_of_known([0.0] * SAMPLES, [0.0] * SAMPLES) == 0
