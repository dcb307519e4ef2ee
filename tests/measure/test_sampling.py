"""How long samples are: one interruption must not make them too short to measure anything."""

import pytest

from costmodel.measure.kernels import isa_here
from costmodel.measure.kernels.assembler import Assembler
from costmodel.measure.sampling import Sampler, address_of

ISA = isa_here()
pytestmark = pytest.mark.skipif(ISA is None, reason="no kernels for this instruction set")


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    assert ISA is not None
    return Sampler(ISA, Assembler())


def test_an_interrupted_pilot_does_not_shorten_samples(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = sampler.ticks_per_ns
    calls = 0

    def stamps(kernel: int, n: int, data: int, state: int, count: int) -> list[tuple[int, ...]]:
        """A kernel of one nanosecond a round, whose first pass is interrupted for a second."""
        nonlocal calls
        took = [round((sampler._overhead / rate + n) * rate)] * count
        took[0] += round(1e9 * rate) if calls == 0 else 0
        calls += 1
        return [(0, 0, each, 0) for each in took]

    monkeypatch.setattr(sampler, "_stamps", stamps)
    assert sampler.rounds(0, 0, 0, 30_000) == pytest.approx(30_000, rel=0.05)


def test_a_sample_takes_about_as_long_as_asked(sampler: Sampler) -> None:
    assert ISA is not None
    assembler = Assembler()
    function = assembler.function("nops", ISA.KERNELS["nops"], arguments=3)
    n = sampler.rounds(address_of(function), 0, 0, 30_000)
    assert 10 < n < 30_000


def test_the_clock_ticks(sampler: Sampler) -> None:
    assert 0.001 < sampler.ticks_per_ns < 10
    assert all(0.3 < ghz < 10 for ghz in sampler.clock_ghz(5))
