"""The measuring process: what ends it is one line, and the next request starts another."""

import platform
import time

import pytest

from costmodel.measure.experiment import Experiment
from costmodel.measure.kernels import isa_here
from costmodel.measure.kernels.assembler import Assembler, ir_of
from costmodel.measure.kernels.calls import TIMED
from costmodel.measure.process import Lost, Measuring
from costmodel.measure.session import WORKER

ISA = isa_here()
ILLEGAL = {"x86_64": "ud2\n", "aarch64": "udf #0\n"}.get(platform.machine(), "")
pytestmark = pytest.mark.skipif(ISA is None, reason="no kernels for this instruction set")


def test_an_illegal_instruction_is_one_line_and_the_next_kernel_runs() -> None:
    assert ISA is not None
    with Measuring(WORKER) as measuring:
        with pytest.raises(Lost, match=r"^ended the measuring process: SIGILL$"):
            measuring.ask(Experiment("bad", ILLEGAL).request(1))
        good = Experiment("good", ISA.KERNELS["nops"])
        assert len(measuring.ask(good.request(5))["cycles"]) <= 5


def test_text_that_is_no_assembly_is_one_line() -> None:
    with Measuring(WORKER) as measuring, pytest.raises(Lost) as caught:
        measuring.ask(Experiment("bad", "no such instruction\n").request(1))
    assert "\n" not in str(caught.value) and str(caught.value)


def test_memory_that_cannot_be_had_is_said_and_the_process_goes_on() -> None:
    assert ISA is not None
    with Measuring(WORKER) as measuring:
        large = Experiment("large", ISA.KERNELS["chase"], region_bytes=1 << 60, ring_step=64)
        with pytest.raises(Lost):
            measuring.ask(large.request(1))
        assert measuring.ask({"task": "clock", "samples": 2})["ghz"]


def test_no_process_is_left_behind() -> None:
    with Measuring(WORKER) as measuring:
        measuring.ask({"task": "clock", "samples": 1})
        process = measuring._process
        assert process is not None and process.poll() is None
    assert process.poll() is not None


def test_gaps_are_in_order_and_inside_the_time_that_was_watched() -> None:
    assert ISA is not None
    began = time.monotonic_ns()
    with Measuring(WORKER) as measuring:
        request = {"task": "gaps", "text": ISA.KERNELS["gaps"], "ns": 2e7, "least_ns": 300}
        gaps = measuring.ask(request)["gaps"]
    took = time.monotonic_ns() - began
    starts = [start for start, _ in gaps]
    assert starts == sorted(starts)
    assert all(300 <= length <= took for _, length in gaps)


def test_characters_that_llvm_reads_differently_are_escaped() -> None:
    assert 'asm sideeffect "mov $$1, %eax\\0A"' in ir_of("f", "mov $1, %eax\n")


def test_code_taken_out_of_memory_ends_before_its_mark() -> None:
    assert ISA is not None
    code = Assembler().code("timed", TIMED[ISA.NAME])
    assert 50 < len(code) < 300
