"""Rows of executed instructions: their inputs are what a walk over them, one by one, finds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("unicorn", reason="needs costmodel[record]")

from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.micro import FLAGS, Micro
from costmodel.emulation.stream import Decoded, StreamBuilder
from costmodel.emulation.windows import CutWindow
from costmodel.recorder.archive import Recording

INSTRUCTIONS = (
    (Micro("alu", "add", data=("a", "b"), writes=("a", FLAGS)),),
    (Micro("alu", "mov", data=("b",), writes=("c",)),),
    (Micro("load", "mov", ("a",), writes=("b",), access="r"),),
    (Micro("load", "madd", ("a", "b"), ("c",), writes=("%l",), access="r"),
     Micro("alu", "sum", data=("%l", "a", "b", "c"), writes=("c",)),
     Micro("store", "put", ("a",), ("c", "b", "a"), access="w")),
    (Micro("rmw", "xadd", ("c",), ("b",), writes=("b",), access="rw"),),
    (Micro("branch", "jz", reads_flags=True),),
)  # fmt: skip
LENGTH = 4
END = LENGTH * len(INSTRUCTIONS)


class Decoder:
    def decode(self, _code: bytes, address: int) -> tuple[int, tuple[Micro, ...]]:
        return LENGTH, INSTRUCTIONS[address // LENGTH]


class Places:
    """All memory is one target; the entry is 8 bytes long."""

    def place(self, address: int, *, per_cpu: bool = False) -> tuple[str, int, int]:
        assert not per_cpu
        return "src", address // 8, address % 8


def rows_of(call: EmulatedCall, first: int = 0) -> Recording:
    image = SimpleNamespace(isa="arm64", function_at=lambda _pc: "it")
    decoded = Decoded(cast(Any, image), Decoder(), lambda _pc, size: bytes(size))
    window = CutWindow(first, len(call.pcs) - 1, slot=2, ptes=1)
    return StreamBuilder(decoded).add("rw", "order0", call, window, cast(Any, Places()))


@st.composite
def calls(draw: st.DrawFn) -> EmulatedCall:
    """Instructions in any order, on few bytes that lie on both sides of a page's end."""
    call = EmulatedCall()
    for number in draw(st.lists(st.sampled_from(range(len(INSTRUCTIONS))), min_size=1)):
        for access in {micro.access for micro in INSTRUCTIONS[number]} - {""}:
            for writes in (False, True) if access == "rw" else (access == "w",):
                place, size = draw(st.integers(4090, 4100)), draw(st.sampled_from((1, 4, 8)))
                call.accesses.append((len(call.pcs), place, size, writes))
        call.pcs.append(LENGTH * number)
    call.pcs.append(END)
    return call


def one_by_one(call: EmulatedCall) -> list[list[int]]:
    """Return the inputs of each row, found by a walk that knows who wrote what last."""
    register, byte, found = dict[str, int](), dict[int, int](), list[list[int]]()
    for position, pc in enumerate(call.pcs[:-1]):
        for micro in INSTRUCTIONS[pc // LENGTH]:
            row = len(found)
            touched = [
                range(at, at + size)
                for where, at, size, writes in call.accesses
                if where == position and writes == (micro.access == "w") and micro.access
            ]

            def producers(names: tuple[str, ...], count: int, row: int = row) -> list[int]:
                rows = dict.fromkeys(register[name] for name in names if name in register)
                return [*(row - known for known in rows), *[0] * count][:count]

            if micro.access:
                inputs = producers(micro.address, 2) + producers(micro.data, 2)
            else:
                inputs = producers(micro.data, 3) + producers((FLAGS,) * micro.reads_flags, 1)
            stored = [byte[place] for some in touched for place in some if place in byte]
            reads = stored and micro.access in ("r", "rw")
            found.append([*inputs, row - max(stored) if reads else 0])
            register.update(dict.fromkeys(micro.writes, row))
            if micro.access in ("w", "rw"):
                byte.update(dict.fromkeys((place for some in touched for place in some), row))
    return found


@given(calls())
def test_inputs_come_from_whatever_wrote_them_last(call: EmulatedCall) -> None:
    assert rows_of(call).distance.tolist() == one_by_one(call)


@given(calls())
def test_static_micro_ops_are_numbered_as_they_are_first_executed(call: EmulatedCall) -> None:
    numbers = rows_of(call).uop.tolist()
    first = list(dict.fromkeys(numbers))
    assert first == sorted(first) == list(range(len(first)))


def test_entries_count_from_the_window_and_branches_have_an_outcome() -> None:
    load, branch, add = 2 * LENGTH, 5 * LENGTH, 0
    call = EmulatedCall([add, load, branch, add, END], [(1, 24, 8, False)])
    window = rows_of(call, first=1)
    assert window.index.tolist() == [1, 0, 0]
    assert window.taken.tolist() == [-1, 1, -1]


def test_memory_that_is_not_touched_is_refused() -> None:
    with pytest.raises(ConfigError, match="executes mov without touching memory"):
        rows_of(EmulatedCall([2 * LENGTH, END]))
