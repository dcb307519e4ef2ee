"""Turns what was executed into rows: micro-ops, their memory, and who produced each input."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

import numpy as np

from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.errors import refuse
from costmodel.emulation.image import Image
from costmodel.emulation.micro import FLAGS, Micro, UnknownInstructionError
from costmodel.emulation.targets import Targets
from costmodel.emulation.windows import CutWindow
from costmodel.recorder.archive import RecordedProgram, Recording

_LONGEST = 16
_GS = 0x65
"""Prefix of x86 instructions that address per-CPU data."""


class Decoder(Protocol):
    """Splits an instruction into micro-ops."""

    def decode(self, code: bytes, address: int) -> tuple[int, tuple[Micro, ...]]:
        """Return its length and its micro-ops."""


@dataclass(frozen=True)
class Instruction:
    """A decoded instruction: where the next one is, and whether it uses per-CPU memory."""

    next_pc: int
    micros: tuple[Micro, ...]
    per_cpu: bool
    function: str


class Decoded:
    """The decoded instructions of an image, each decoded once."""

    def __init__(self, image: Image, decoder: Decoder, read: Any) -> None:
        """Decode with ``decoder`` what ``read(address, size)`` returns."""
        self._image, self._decoder, self._read = image, decoder, read
        self._known: dict[int, Instruction] = {}

    def __getitem__(self, pc: int) -> Instruction:
        """Return the instruction at ``pc``; ConfigError for one that the rules do not know."""
        found = self._known.get(pc)
        if found is None:
            found = self._known[pc] = self._decode(pc)
        return found

    def _decode(self, pc: int) -> Instruction:
        code = self._read(pc, _LONGEST)
        function = self._image.function_at(pc)
        try:
            size, micros = self._decoder.decode(code, pc)
        except UnknownInstructionError as error:
            reason = f"executes an instruction that the micro-op rules do not know: {error}"
            raise refuse(function, reason, got=f"{code[:8].hex(' ')} at {pc:#x}") from error
        return Instruction(
            pc + size, micros, code[0] == _GS and self._image.isa == "x86_64", function
        )

    def is_branch(self, pc: int) -> bool:
        """Tell whether the instruction is a conditional branch."""
        return any(micro.kind == "branch" for micro in self[pc].micros)


_Static = tuple[int, str, str, str, int, str]


@dataclass
class StreamBuilder:
    """Collects the windows of one program."""

    decoded: Decoded
    static: dict[_Static, int] = field(default_factory=dict)
    sites: dict[int, int] = field(default_factory=dict)
    windows: dict[str, Recording] = field(default_factory=dict)

    def add(
        self, state: str, layout: str, done: EmulatedCall, window: CutWindow, targets: Targets
    ) -> Recording:
        """Add the rows of one window and return them."""
        rows = _Rows(self, done, window, targets)
        recording = rows.recording(state, layout)
        self.windows[f"{state}/{layout}"] = recording
        return recording

    def number(self, pc: int, micro: Micro, target: str, size: int, function: str) -> int:
        """Return the number of a static micro-op."""
        site = self.sites.setdefault(pc, len(self.sites))
        key = (site, micro.kind, micro.op, target, size, function)
        return self.static.setdefault(key, len(self.static))

    def program(self, name: str) -> RecordedProgram:
        """Return the windows added so far as one program."""
        return RecordedProgram.of(name, self.static, dict(self.windows))


class _Rows:
    """The rows of one window while they are made."""

    def __init__(
        self, builder: StreamBuilder, done: EmulatedCall, window: CutWindow, targets: Targets
    ) -> None:
        self.builder, self.done, self.window, self.targets = builder, done, window, targets
        self.accesses: dict[int, _Touched] = defaultdict(lambda: ([], []))
        for position, address, size, writes in done.accesses:
            if window.first <= position < window.end:
                self.accesses[position][writes].append((address, size))
        self.last_register: dict[str, int] = {}
        self.last_byte: dict[int, int] = {}
        self.columns = array("q")
        self.count = 0
        self.first_page: int | None = None

    def recording(self, state: str, layout: str) -> Recording:
        """Return the window's micro-ops with their data flow, called ``state`` and ``layout``."""
        pcs = self.done.pcs
        for position in range(self.window.first, self.window.end):
            taken = pcs[position + 1] != self.builder.decoded[pcs[position]].next_pc
            self._instruction(position, taken)
        columns = np.frombuffer(self.columns, dtype=np.int64).reshape(self.count, -1)
        return Recording(
            state=state,
            layout=layout,
            ptes=self.window.ptes,
            uop=columns[:, 0].copy(),
            distance=columns[:, 1:6].copy(),
            index=columns[:, 6].copy(),
            offset=columns[:, 7].copy(),
            taken=columns[:, 8].copy(),
        )

    def _instruction(self, position: int, taken: bool) -> None:
        pc = self.done.pcs[position]
        instruction = self.builder.decoded[pc]
        reads, writes = self.accesses.get(position, _NOTHING)
        for micro in instruction.micros:
            match micro.access:
                case "":
                    touched = []
                case "r" | "p":
                    touched = reads
                case "w":
                    touched = writes
                case _:
                    touched = reads or writes
            self._micro(pc, instruction, micro, touched, taken)

    def _micro(
        self, pc: int, instruction: Instruction, micro: Micro,
        touched: list[tuple[int, int]], taken: bool,
    ) -> None:  # fmt: skip
        row = self.count
        target, index, offset, size, start = "", 0, 0, 0, 0
        if touched:
            start, size = touched[0]
            if len(touched) > 1:
                start = min(touched)[0]
                size = max(address + length for address, length in touched) - start
            target, index, offset = self._place(start, instruction)
        elif micro.access:
            reason = f"executes {micro.op} without touching memory"
            raise refuse(instruction.function, reason, got=hex(pc))
        distances = self._distances(row, micro, bool(micro.access))
        producer = self._written(start, size) if micro.access in ("r", "rw") else -1
        uop = self.builder.number(pc, micro, target, size, instruction.function)
        outcome = int(taken) if micro.kind == "branch" else -1
        distances.append(row - producer if producer >= 0 else 0)
        self.columns.extend((uop, *distances, index, offset, outcome))
        self.count = row + 1
        for register in micro.writes:
            self.last_register[register] = row
        if micro.access in ("w", "rw"):
            self.last_byte.update(dict.fromkeys(range(start, start + size), row))

    def _place(self, address: int, instruction: Instruction) -> tuple[str, int, int]:
        target, index, offset = self.targets.place(address, per_cpu=instruction.per_cpu)
        if target in ("src", "dst"):
            index -= self.window.slot
        elif target == "page":
            if self.first_page is None:
                self.first_page = index
            index -= self.first_page
        return target, index, offset

    def _written(self, start: int, size: int) -> int:
        last = self.last_byte
        return max(map(last.get, range(start, start + size), repeat(-1)), default=-1)

    def _distances(self, row: int, micro: Micro, memory: bool) -> list[int]:
        """Return the four inputs; those without a producer in the window close up."""
        data = self._producers(row, micro.data)
        if memory:
            return [*_padded(self._producers(row, micro.address), 2), *_padded(data, 2)]
        flags = self._producers(row, (FLAGS,) if micro.reads_flags else ())
        return [*_padded(data, 3), *_padded(flags, 1)]

    def _producers(self, row: int, registers: Iterable[str]) -> list[int]:
        last = self.last_register
        rows = [last[name] for name in registers if name in last]
        return [row - producer for producer in (dict.fromkeys(rows) if len(rows) > 1 else rows)]


_Touched = tuple[list[tuple[int, int]], list[tuple[int, int]]]
"""Address and size of what an instruction reads, and of what it writes."""
_NOTHING: _Touched = ([], [])


def _padded(values: list[int], count: int) -> list[int]:
    return [*values, *_ZEROS[count]][:count] if len(values) != count else values


_ZEROS = [(0,) * count for count in range(4)]
