"""Priors come from the machine file; steps stay inside the interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from costmodel.config.machine import load_machine
from costmodel.uncertainty.priors import (
    SIGMAS,
    Prior,
    priors,
    shared_priors,
    value_of,
    variants,
    with_numbers,
)

MACHINES = ["ampere-altra", "apple-m2-vm", "xeon-4210r", "graviton4"]


@pytest.mark.parametrize("name", MACHINES)
def test_whatever_has_an_interval_and_acts_is_uncertain(name: str) -> None:
    machine = load_machine(name)
    keys = [prior.key for prior in priors(machine)]
    assert "core.mispredict_penalty_cycles" in keys or name == "graviton4"
    assert not [key for key in keys if key.startswith("noise.")]
    for prior in priors(machine):
        assert prior.low < prior.high
        assert prior.sigma == pytest.approx((prior.high - prior.low) / SIGMAS)


def test_the_order_is_that_of_the_question() -> None:
    keys = ["kernel.table_alloc_ns", "atomics.store_only_cycles"]
    assert [p.key for p in priors(load_machine("ampere-altra"), keys)] == keys


def test_whole_numbers_stay_whole() -> None:
    machine = load_machine("apple-m2-vm")
    (rob,) = priors(machine, ["core.rob_entries"])
    changed = with_numbers(machine, {rob: 611.4})
    assert changed.core.rob_entries.value == 611
    assert value_of(changed, rob) == 611.0


WHOLE = Prior("k", 5.0, 0.0, 10.0, sigma=3.0, step=2.6, whole=True)
REAL = Prior("k_ns", 5.0, 0.0, 10.0, sigma=3.0, step=2.6, whole=False)


def test_steps_reach_as_far_as_the_interval_does() -> None:
    assert REAL.steps(5.0) == (2.4, 7.6)
    assert REAL.steps(1.0) == (0.0, 3.6)
    assert REAL.steps(9.0) == (6.4, 10.0)
    assert WHOLE.steps(5.0) == (2.0, 8.0)
    assert [REAL.within(number) for number in (-1.0, 3.0, 11.0)] == [0.0, 3.0, 10.0]
    assert (WHOLE.typed(2.6), REAL.typed(2.6)) == (3, 2.6)


def test_a_whole_number_moves_by_one_at_least() -> None:
    on = load_machine("ampere-altra")
    whole = [prior for prior in priors(on) if prior.whole]
    assert {prior.step for prior in whole} >= {1.0}
    for prior in whole:
        assert prior.step == pytest.approx(max(1.0, 0.5 * prior.sigma))


def test_what_a_lone_cpu_does_not_feel_has_priors_of_its_own() -> None:
    on = load_machine("ampere-altra")
    lone = {prior.key for prior in priors(on)}
    shared = {prior.key for prior in shared_priors(on)}
    assert "tlbi.per_cpu_ns" in shared
    assert not lone & shared
    assert not [key for key in lone | shared if key.startswith(("noise.", "kernel.tick_"))]
    assert "tlbi.cpus_online" not in lone | shared, "the user knows how many there are"


def test_what_the_user_set_is_exact() -> None:
    on = load_machine("ampere-altra")
    key = "core.mispredict_penalty_cycles"
    assert [prior.key for prior in priors(on, [key, "no.such"])] == [key]
    assert priors(on.with_value(key, 12.0), [key]) == ()


@given(
    at=st.floats(0, 10),
    step=st.floats(0.01, 30),
    whole=st.booleans(),
)
def test_steps_never_leave_the_interval(at: float, step: float, whole: bool) -> None:
    at = float(round(at)) if whole else at
    prior = Prior("k", 5.0, 0.0, 10.0, sigma=3.0, step=max(step, 1.0), whole=whole)
    low, high = prior.steps(at)
    assert 0 <= low <= at <= high <= 10
    assert high > low


def test_an_interval_of_a_machine_file_holds_ninety_percent() -> None:
    machine = load_machine("ampere-altra")
    (prior,) = priors(machine, ["core.mispredict_penalty_cycles"])
    middle = (prior.low + prior.high) / 2
    inside = stats.norm(middle, prior.sigma).cdf([prior.low, prior.high])
    assert inside[1] - inside[0] == pytest.approx(0.9, abs=1e-3)


def test_a_finite_difference_is_half_a_deviation_wide_but_never_below_a_cycle() -> None:
    machine = load_machine("ampere-altra")
    for prior in priors(machine):
        if prior.whole:
            continue
        cycles = {"cycles": 1.0, "ns": 1 / machine.core.clock_ghz.value}
        cycle = cycles.get(prior.key.split("_")[-1], 0.0)
        assert prior.step == pytest.approx(max(0.5 * prior.sigma, cycle))


def test_neighbours_lie_a_share_of_a_step_on_both_sides_and_inside() -> None:
    plain = Prior("k_ns", 5.0, 0.0, 10.0, sigma=3.0, step=2.0, whole=False)
    assert plain.neighbours(5.0, 0.5) == [4.0, 6.0]
    assert plain.neighbours(9.5, 1.0) == [7.5, 10.0]
    cycles = Prior("k_cycles", 5.0, 0.0, 10.0, sigma=3.0, step=2.0, whole=False)
    assert cycles.neighbours(5.5, 0.5) == [4.5, 6.5, 5.0, 6.0]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_variant_goes_to_the_side_with_more_room(share: float) -> None:
    machine = load_machine("ampere-altra")
    (prior,) = priors(machine, ["core.mispredict_penalty_cycles"])
    at = prior.low + share * (prior.high - prior.low)
    ((changed, deviations),) = variants(with_numbers(machine, {prior: at}), [prior])
    to = value_of(changed, prior)
    assert (deviations > 0) == (share <= 0.5)
    assert to - at == pytest.approx(deviations * prior.sigma)
    assert abs(deviations) == pytest.approx(prior.step / prior.sigma)
