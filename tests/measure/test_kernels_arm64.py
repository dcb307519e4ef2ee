"""The kernels of arm64, assembled everywhere that has its tools, and run where it is emulated."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from costmodel.measure.kernels import arm64
from costmodel.measure.kernels.calls import TIMED
from costmodel.measure.kernels.loop_body import LoopBody

ASSEMBLER, LINKER = "aarch64-linux-gnu-as", "aarch64-linux-gnu-ld"
HERE = platform.machine() == "aarch64"
TOOLS = all(map(shutil.which, (ASSEMBLER, LINKER, "qemu-aarch64")))
needs_tools = pytest.mark.skipif(not TOOLS, reason=f"needs {ASSEMBLER}, {LINKER} and qemu-aarch64")

# Calls the driver for three samples of three rounds each, and ends with 7: a stack or a link
# register that a kernel spoils ends otherwise.
PROGRAM = """\
.globl _start
_start:
adrp x1, data
add x1, x1, :lo12:data
adrp x2, state
add x2, x2, :lo12:state
str x1, [x2]
{ring}
mov x9, #4095
str x9, [x2, #8]
mov x9, #8
str x9, [x2, #16]
adr x0, kernel
mov x3, x2
mov x2, x1
mov x1, #3
mov x4, #3
adrp x5, out
add x5, x5, :lo12:out
mov x28, #7
bl driver
mov x0, x28
mov x8, #93
svc #0
.p2align 6
driver:
{driver}
.p2align 6
kernel:
{kernel}
.bss
.balign 4096
data: .space 1048576
state: .space 4096
out: .space 4096
"""

LOOPS = {
    "chains": [
        ("load", 2, "chain"),
        ("add", 1, "chain"),
        ("mul", 1, "chain-2"),
        ("move", 3, "chain"),
    ],
    "memory": [("store", 9, "same-line"), ("store", 2, "new-line"), ("load", 70, "independent")],
    "forward": [("load", 1, "forward"), ("add", 1, "forward"), ("store", 1, "forward")],
    "locks": [("lock", 9, "new-line"), ("lock", 2, "same-line")],
    "branches": [("branch", 3, "independent"), ("jump", 3, "independent")],
    "calls": [("call", 1, "independent"), ("add", 3, "independent"), ("return", 1, "independent")],
    "cheap": [
        ("zero", 2, "independent"),
        ("immediate", 2, "independent"),
        ("move", 2, "independent"),
    ],
}
TEXTS = {
    **arm64.KERNELS,
    **{name: LoopBody(arm64.INSTRUCTIONS).text(ops, 2) for name, ops in LOOPS.items()},
    **{f"{what} between misses": arm64.misses(one) for what, one in arm64.BETWEEN_MISSES.items()},
}


def assemble(text: str, target: Path) -> None:
    command = [ASSEMBLER, "-march=armv8.1-a", "-o", str(target), "-"]
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_tools
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_kernel_returns_and_leaves_the_saved_registers_alone(
    name: str, tmp_path: Path
) -> None:
    # Positions in the state are numbers for most kernels and an address for rings.
    ring = "str x1, [x1]" if name.endswith(("chase", "misses")) else "str xzr, [x2]"
    text = PROGRAM.format(driver=arm64.DRIVER, kernel=TEXTS[name], ring=ring)
    if name.endswith("misses"):  # the second chain is where the first is
        text = text.replace("mov x9, #4095", "mov x9, #0")
    assemble(text.replace("mov w10, #1024", "mov w10, #1"), tmp_path / "program.o")
    program = tmp_path / "program"
    subprocess.run([LINKER, "-o", program, tmp_path / "program.o"], check=True)
    done = subprocess.run(["qemu-aarch64", program], check=False, timeout=20)
    assert done.returncode == 7


@needs_tools
@pytest.mark.parametrize("text", [arm64.READ_STAMP, TIMED["arm64"]], ids=["stamp", "calls"])
def test_the_other_texts_assemble(text: str, tmp_path: Path) -> None:
    assemble(text, tmp_path / "text.o")


def test_atomics_take_their_address_from_a_register_of_their_line() -> None:
    text = LoopBody(arm64.INSTRUCTIONS).text([("lock", 9, "new-line")])
    lines = [line.partition("[")[2] for line in text.splitlines() if line.startswith("stadd")]
    assert lines == [f"x{19 + number % 8}]" for number in range(9)]
