"""Noise: sizes, causes and streams."""

import numpy as np
import pytest

from costmodel.config.machine import load_machine
from costmodel.simulation import NoiseCause, NoiseSizes, Stream, simulate
from costmodel.simulation.noise import draw_noise, scattered_share, stable_hash
from costmodel.simulation.schedule import Schedule, Stage

MILLISECOND_PS = 10**9
STREAM = Stream(seed=1, machine="apple-m2-vm", scenario="fork of 1 GiB")
SIZES = NoiseSizes(
    run_sigma=0.012,
    iteration_sigma=0.02,
    tick_period_ps=4 * MILLISECOND_PS,
    tick_ps=8_000_000,
    tick_jitter_ps=1_000_000,
    steal_per_s=5.0,
    steal_mean_ps=1e8,
)


def samples(sizes: NoiseSizes, work_ps: int = 20 * MILLISECOND_PS, runs: int = 200) -> np.ndarray:
    return simulate(Schedule((Stage(work_ps),)), sizes, STREAM, runs=runs, iterations=50)


def test_the_run_cause_moves_whole_runs() -> None:
    times = samples(SIZES.only([NoiseCause.RUN]))
    assert np.ptp(times, axis=1).max() == 0
    means = times.mean(axis=1)
    assert means.std(ddof=1) / means.mean() == pytest.approx(0.012, rel=0.2)
    assert means.mean() == pytest.approx(20 * MILLISECOND_PS, rel=0.003)


def test_the_iteration_cause_moves_iterations_and_leaves_runs_alone() -> None:
    times = samples(SIZES.only([NoiseCause.ITERATION]))
    assert times.std() / times.mean() == pytest.approx(0.02, rel=0.05)
    assert times.mean(axis=1).std() / times.mean() == pytest.approx(0.02 / 50**0.5, rel=0.2)


def test_ticks_take_their_share_of_the_time() -> None:
    times = samples(SIZES.only([NoiseCause.TICK]), runs=40)
    assert times.mean() / (20 * MILLISECOND_PS) == pytest.approx(1 + 8e-6 / 4e-3, rel=1e-4)


def test_steal_takes_rate_times_mean_duration() -> None:
    times = samples(SIZES.only([NoiseCause.STEAL]))
    assert times.mean() / (20 * MILLISECOND_PS) - 1 == pytest.approx(5 * 1e-4, rel=0.1)


def test_noise_of_the_layout_spares_broadcasts() -> None:
    storm = Schedule((Stage(layout_ps=0, broadcast_ps=10**9),))
    times = simulate(storm, SIZES.only([NoiseCause.RUN]), STREAM, runs=8, iterations=2)
    assert set(times.ravel()) == {10**9}


def test_no_cause_is_no_noise() -> None:
    assert SIZES.only([]) == NoiseSizes()
    assert SIZES.only(NoiseCause) == SIZES


def test_a_longer_operation_meets_the_same_noise_and_more() -> None:
    short = draw_noise(SIZES, STREAM, run=3, iterations=20)
    long = draw_noise(SIZES, STREAM, run=3, iterations=20)
    when, took = short.steals(np.full(20, 300 * MILLISECOND_PS))
    when_long, took_long = long.steals(np.full(20, 900 * MILLISECOND_PS))
    assert 0 < when.shape[1] < when_long.shape[1]
    np.testing.assert_array_equal(when, when_long[:, : when.shape[1]])
    happened = took > 0
    np.testing.assert_array_equal(took[happened], took_long[:, : when.shape[1]][happened])
    np.testing.assert_array_equal(short.factor, long.factor)


def test_all_who_meet_a_noise_meet_the_same() -> None:
    one, other = (draw_noise(SIZES, STREAM, run=3, iterations=20) for _ in range(2))
    assert one is other
    work = np.full(20, 300 * MILLISECOND_PS)
    for first, again in zip(one.steals(work), other.steals(work), strict=True):
        assert first.tolist() == again.tolist()


def test_streams_differ_by_every_part_of_their_name() -> None:
    def first(
        stream: Stream, run: int = 0, cause: NoiseCause = NoiseCause.RUN, cpu: int = 0
    ) -> float:
        return float(stream.generator(run=run, cause=cause, cpu=cpu).random())

    base = Stream(seed=1, machine="m", scenario="s")
    values = {
        first(base),
        first(Stream(seed=2, machine="m", scenario="s")),
        first(Stream(seed=1, machine="n", scenario="s")),
        first(Stream(seed=1, machine="m", scenario="t")),
        first(base, run=1),
        first(base, cause=NoiseCause.TICK),
        first(base, cpu=1),
    }
    assert len(values) == 7
    assert first(base) == first(Stream(seed=1, machine="m", scenario="s"))


def test_hashes_are_the_same_in_every_process() -> None:
    assert stable_hash("a") == 0xCA978112  # first bytes of SHA-256 of "a"


@pytest.mark.parametrize(
    ("orders", "share"), [({0: 1.0}, 1.0), ({4: 1.0}, 1 / 16), ({0: 0.5, 9: 0.5}, 0.5 + 1 / 1024)]
)
def test_the_scattered_share_counts_folios_per_pte(orders: dict[int, float], share: float) -> None:
    assert scattered_share(orders) == pytest.approx(share)


def test_sizes_follow_the_folio_class() -> None:
    def run_sigma(order: int) -> float:
        return NoiseSizes.of(load_machine("ampere-altra"), {order: 1.0}).run_sigma

    # Published: 0.7 to 1.2 % and 0.0 to 0.1 %.
    assert 0.007 <= run_sigma(0) <= 0.012
    assert run_sigma(9) <= 0.0015
    assert run_sigma(9) < run_sigma(4) < run_sigma(0)


def test_sizes_are_those_of_the_machine_file_in_picoseconds() -> None:
    on = load_machine("ampere-altra").with_values(
        {
            "noise.run_scattered_pct": 3.0,
            "noise.run_contiguous_pct": 1.0,
            "noise.iteration_pct": 2.0,
            "noise.tick_jitter_us": 0.5,
            "noise.vm_steal.rate_hz": 5.0,
            "noise.vm_steal.mean_us": 100.0,
            "kernel.tick_hz": 250,
            "kernel.tick_us": 8.0,
        }
    )
    sizes = NoiseSizes.of(on, {0: 1.0})
    assert sizes == NoiseSizes(
        run_sigma=pytest.approx(0.03),  # type: ignore[arg-type]
        iteration_sigma=0.02,
        tick_period_ps=4 * MILLISECOND_PS,
        tick_ps=8_000_000,
        tick_jitter_ps=500_000,
        steal_per_s=5.0,
        steal_mean_ps=100_000_000.0,
    )
    # Every second PTE, and one more of 1024, starts a folio: variances are mixed.
    half = NoiseSizes.of(on, {0: 0.5, 1: 0.0, 9: 0.5}).run_sigma
    share = 0.5 + 0.5 / 512
    assert half == pytest.approx((share * 0.03**2 + (1 - share) * 0.01**2) ** 0.5)
    assert NoiseSizes.of(on.with_value("kernel.tick_hz", 0), {0: 1.0}).tick_period_ps == 0


def test_a_tick_falls_anywhere_in_its_period_and_its_handler_varies() -> None:
    noise = draw_noise(SIZES.only([NoiseCause.TICK]), STREAM, run=0, iterations=20_000)
    assert noise.tick_period_ps == 4 * MILLISECOND_PS
    assert 0 <= noise.tick_phase_ps.min() < noise.tick_phase_ps.max() < 4 * MILLISECOND_PS
    assert noise.tick_phase_ps.mean() == pytest.approx(2 * MILLISECOND_PS, rel=0.02)
    assert noise.tick_ps.mean() == pytest.approx(8_000_000, rel=0.005)
    assert noise.tick_ps.std() == pytest.approx(1_000_000, rel=0.03)
    assert (noise.factor == 1).all()
    assert noise.steals(np.full(20_000, MILLISECOND_PS))[0].shape == (20_000, 0)


def test_a_handler_takes_no_less_than_nothing_and_no_more_than_its_period() -> None:
    wild = NoiseSizes(tick_period_ps=1000, tick_ps=500, tick_jitter_ps=100_000)
    noise = draw_noise(wild, STREAM, run=0, iterations=1000)
    assert (noise.tick_ps.min(), noise.tick_ps.max()) == (0, 999)
    never = draw_noise(NoiseSizes(tick_ps=500), STREAM, run=0, iterations=3)
    assert never.tick_ps.tolist() == never.tick_phase_ps.tolist() == [0, 0, 0]


def test_the_hypervisor_comes_at_its_rate_for_its_mean_time() -> None:
    noise = draw_noise(SIZES.only([NoiseCause.STEAL]), STREAM, run=0, iterations=2000)
    second_ps = 10**12
    assert (noise.steal_gap_ps, noise.steal_mean_ps) == (second_ps / 5, 1e8)
    when, took = noise.steals(np.full(2000, second_ps))
    happened = when < second_ps
    assert happened.sum() / 2000 == pytest.approx(5, rel=0.05)
    assert took[happened].mean() == pytest.approx(1e8, rel=0.03)
    assert not took[~happened].any()
    assert when[:, 0].min() > 0
    assert (np.diff(when, axis=1) > 0).all()


@pytest.mark.parametrize(
    "sizes",
    [
        NoiseSizes(),
        NoiseSizes(steal_per_s=5.0),
        NoiseSizes(steal_mean_ps=1e8),
        NoiseSizes(steal_per_s=1e-9, steal_mean_ps=1e8),
    ],
)
def test_without_a_rate_or_a_length_the_hypervisor_never_comes(sizes: NoiseSizes) -> None:
    """Nor at one of once in 30 years, whose gaps are no number of picoseconds."""
    noise = draw_noise(sizes, STREAM, run=0, iterations=4)
    when, took = noise.steals(np.full(4, 10**12))
    assert when.shape == took.shape == (4, 0)
    assert when.dtype == took.dtype == np.int64
    known = sizes.steal_per_s and sizes.steal_mean_ps
    assert noise.steal_gap_ps == (1e21 if known else np.inf)


def test_run_and_iteration_noise_multiply() -> None:
    both, run, iteration = (
        draw_noise(SIZES.only(causes), STREAM, run=1, iterations=5).factor
        for causes in (
            [NoiseCause.RUN, NoiseCause.ITERATION], [NoiseCause.RUN], [NoiseCause.ITERATION],
        )
    )  # fmt: skip
    np.testing.assert_allclose(both, run * iteration)
    assert len(set(run.tolist())) == 1
    assert len(set(iteration.tolist())) == 5
    other = draw_noise(SIZES.only([NoiseCause.RUN]), STREAM, run=1, iterations=5, cpu=1).factor
    assert other.tolist() != run.tolist(), "each CPU has its own"


def test_a_handler_longer_than_the_tick_period_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than the tick period"):
        NoiseSizes(tick_period_ps=10, tick_ps=10)
    assert NoiseSizes(tick_period_ps=10, tick_ps=9).tick_ps == 9


@pytest.mark.parametrize("cause", [NoiseCause.RUN, NoiseCause.ITERATION])
def test_factors_have_mean_one_and_the_sigma_of_their_logarithm(cause: NoiseCause) -> None:
    """exp(sigma z) alone has mean exp(sigma^2 / 2): noise would make every machine slower."""
    sigma = 0.4
    sizes = NoiseSizes(run_sigma=sigma, iteration_sigma=sigma).only([cause])
    runs = 4000 if cause is NoiseCause.RUN else 1
    factors = np.concatenate(
        [draw_noise(sizes, STREAM, run=run, iterations=4000 // runs).factor for run in range(runs)]
    )
    assert factors.mean() == pytest.approx(1, abs=4 * sigma / 4000**0.5)
    assert np.log(factors).std() == pytest.approx(sigma, rel=0.05)
