"""How addresses are written into code."""

from __future__ import annotations

import pytest

from costmodel.emulation.relocations import apply

PLACE, TARGET = 0x1000, 0x5678


class Bytes:
    """Four bytes at PLACE."""

    def __init__(self, word: int) -> None:
        self.word = word

    def read(self, _address: int, size: int) -> bytes:
        return self.word.to_bytes(8, "little")[:size]

    def write(self, _address: int, data: bytes) -> None:
        self.word = int.from_bytes(data, "little")


@pytest.mark.parametrize(
    ("isa", "kind", "before", "after"),
    [
        ("x86_64", 2, 0, TARGET - PLACE),
        ("x86_64", 11, 0, TARGET),
        ("arm64", 283, 0x94000000, 0x94000000 + (TARGET - PLACE) // 4),
        ("arm64", 275, 0x90000000, 0x90000000 + (4 >> 2 << 5)),
        ("arm64", 277, 0x91000000, 0x91000000 + (0x678 << 10)),
        ("arm64", 286, 0xF9400000, 0xF9400000 + (0x678 >> 3 << 10)),
    ],
)
def test_fields(isa: str, kind: int, before: int, after: int) -> None:
    memory = Bytes(before)
    apply(isa, memory, PLACE, kind, TARGET)
    assert memory.word == after


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(KeyError):
        apply("x86_64", Bytes(0), PLACE, 99, TARGET)
