"""Code that runs in the emulator, and code that it does not know."""

from __future__ import annotations

import pytest

from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import Emulator
from costmodel.emulation.image import Image, Symbol

START = 0xFFFF_8000_8000_0000
RETURN = 0xD65F_03C0
RANGES = {"rvae1is": 0xD508_8220, "rvale1is": 0xD508_82A0}
PAGES = {"rvae1is": 0xD508_8320, "rvale1is": 0xD508_83A0}


def emulator(*words: int) -> Emulator:
    return emulated("arm64", b"".join(word.to_bytes(4, "little") for word in words))


def emulated(isa: str, code: bytes) -> Emulator:
    image = Image(isa, chunks={START: bytearray(code)})
    image.symbols["it"] = Symbol("it", START, len(code), True)
    return Emulator(image)


@pytest.mark.parametrize("name", RANGES)
def test_a_range_is_invalidated_by_its_page_and_recorded_as_a_range(name: str) -> None:
    register = 7
    made = emulator(RANGES[name] | register, RETURN)
    made.replace_unknown()
    assert made.record("it")[1].pcs == [START, START + 4]
    assert made.read_words(START, 1)[0] & 0xFFFF_FFFF == PAGES[name] | register
    said = made.read_code(START, 8)
    assert said == b"".join(w.to_bytes(4, "little") for w in (RANGES[name] | register, RETURN))


def test_what_cannot_run_is_named_with_its_place() -> None:
    with pytest.raises(ConfigError, match="it: cannot be run outside a kernel"):
        emulator(RANGES["rvale1is"], RETURN).call("it")


def test_a_check_of_the_kernel_that_fails_is_called_so() -> None:
    with pytest.raises(ConfigError, match=r"reaches a BUG\(\) or WARN\(\), a check"):
        emulator(0xD4210000, RETURN).call("it")  # brk #0x800


@pytest.mark.parametrize(
    ("isa", "code", "offset"),
    [
        ("arm64", (0xF9800411, RETURN), 8),  # prfm pstl1strm, [x0, #8]
        ("arm64", (0xF8A17810, RETURN), 24),  # prfm pstl1keep, [x0, x1, lsl #3]
        ("arm64", (0xF89F0011, RETURN), -16),  # prfum pstl1strm, [x0, #-16]
        ("x86_64", "0f0d4f40 c3", 64),  # prefetchw [rdi + 64]
        ("x86_64", "0f184cf7f8 c3", 16),  # prefetcht0 [rdi + 8 * rsi - 8]
    ],
)
def test_a_prefetch_is_noted_with_what_it_asks_for(isa: str, code: object, offset: int) -> None:
    made = emulator(*code) if isinstance(code, tuple) else emulated(isa, bytes.fromhex(str(code)))
    address = 0x4242_0000  # nothing is there
    done = made.record("it", address, 3)[1]
    assert (0, address + offset, 1, False) in done.accesses


@pytest.mark.parametrize(
    ("code", "bytes_each"),
    [("f348ab", 8), ("66f3ab", 2), ("f366ab", 2), ("f3ab", 4), ("f3aa", 1)],
    ids=["rep stosq", "rep stosw", "rep stosw, prefixes swapped", "rep stosd", "rep stosb"],
)
def test_a_string_instruction_is_one_instruction_however_often_it_is_repeated(
    code: str, bytes_each: int
) -> None:
    made = emulated("x86_64", bytes.fromhex(f"b903000000 31c0 {code} c3"))
    room = START + 0x10000
    made.allow(room, 4096)
    done = made.record("it", room)[1]
    size = len(bytes.fromhex(code))
    assert done.pcs == [START + offset for offset in (0, 5, 7, 7 + size)]
    filled = [(at, size) for position, at, size, writes in done.accesses if position == 2]
    assert filled == [(room + bytes_each * word, bytes_each) for word in range(3)]


def test_a_branch_to_itself_is_executed_as_often_as_it_is_taken() -> None:
    made = emulated("x86_64", bytes.fromhex("b903000000 e2fe c3"))  # loop .
    assert made.record("it")[1].pcs == [START + offset for offset in (0, 5, 5, 5, 7)]
