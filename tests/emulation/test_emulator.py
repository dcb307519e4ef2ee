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
    code = b"".join(word.to_bytes(4, "little") for word in words)
    image = Image("arm64", chunks={START: bytearray(code)})
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
