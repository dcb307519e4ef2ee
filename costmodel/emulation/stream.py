"""Turns what was executed into rows: micro-ops, their memory, and who produced each input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.sequences import numbered
from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.image import Image
from costmodel.emulation.micro import FLAGS, Micro, UnknownInstructionError
from costmodel.emulation.targets import Targets
from costmodel.emulation.windows import CutWindow
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.units import PAGE_BYTES

_LONGEST = 16
_GS = 0x65
"""Prefix of x86 instructions that address per-CPU data."""


class Decoder(Protocol):
    """Splits an instruction into micro-ops."""

    def decode(self, code: bytes, address: int) -> tuple[int, tuple[Micro, ...]]:
        """Return its length and its micro-ops."""


@dataclass(frozen=True)
class Instruction:
    """A decoded instruction: where it and the next one are, and whether it uses per-CPU memory."""

    pc: int
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
            raise ConfigError.of(function, reason, got=f"{code[:8].hex(' ')} at {pc:#x}") from error
        return Instruction(
            pc, pc + size, micros, code[0] == _GS and self._image.isa == "x86_64", function
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
    """The rows of one window, made for all executed instructions at once."""

    def __init__(
        self, builder: StreamBuilder, done: EmulatedCall, window: CutWindow, targets: Targets
    ) -> None:
        self.builder, self.window, self.targets = builder, window, targets
        pcs = np.array(done.pcs[window.first : window.end + 1], np.uint64)
        self.instructions, of = self._decoded(pcs[:-1])
        self.micros = [micro for known in self.instructions for micro in known.micros]
        counts = np.array([len(known.micros) for known in self.instructions])
        self.instruction_of = np.repeat(np.arange(len(counts)), counts)
        """The instruction of each static micro-op."""
        executed = counts[of]
        self.position = np.repeat(np.arange(len(of)), executed)
        begun = np.cumsum(executed) - executed
        self.rows = np.arange(len(self.position))
        self.micro = (np.cumsum(counts) - counts)[of][self.position]
        self.micro += self.rows - begun[self.position]
        following = np.array([known.next_pc for known in self.instructions], np.uint64)
        self.jumps = pcs[1:] != following[of]
        self.touches = np.array([_TOUCHES[micro.access] for micro in self.micros])[self.micro]
        self.start, self.size = self._touched(done)

    def _decoded(self, pcs: NDArray[np.uint64]) -> tuple[list[Instruction], Ints]:
        """Return the instructions in the order of their first execution, and which one each is."""
        of, first = numbered(pcs.view(np.int64))
        decoded = self.builder.decoded
        return [decoded[pc] for pc in pcs[first].tolist()], of

    def _touched(self, done: EmulatedCall) -> tuple[NDArray[np.uint64], Ints]:
        """Return the first address and the bytes that each row touches; 0 bytes for none.

        Raises ConfigError for a row that must touch memory and does not.
        """
        number = len(self.jumps)
        noted = np.array(done.accesses, np.uint64).reshape(-1, 4)
        position = noted[:, 0].astype(np.int64) - self.window.first
        inside = (position >= 0) & (position < number)
        start, size = np.zeros((2, number), np.uint64), np.zeros((2, number), np.int64)
        for writes in (0, 1):
            chosen = inside & (noted[:, 3] == writes)
            if chosen.any():
                at, address, length = position[chosen], noted[chosen, 1], noted[chosen, 2]
                firsts = np.flatnonzero(np.diff(at, prepend=-1))
                lowest = np.minimum.reduceat(address, firsts)
                start[writes, at[firsts]] = lowest
                size[writes, at[firsts]] = np.maximum.reduceat(address + length, firsts) - lowest
        written = (self.touches == _WRITES) | (
            (self.touches == _READS_OR_WRITES) & (size[0][self.position] == 0)
        )
        sizes = np.where(self.touches > 0, size[written.astype(int), self.position], 0)
        for row in np.flatnonzero((self.touches > 0) & (sizes == 0))[:1]:
            number = self.micro[row]
            instruction = self.instructions[self.instruction_of[number]]
            reason = f"executes {self.micros[number].op} without touching memory"
            raise ConfigError.of(instruction.function, reason, got=hex(instruction.pc))
        return start[written.astype(int), self.position], sizes

    def recording(self, state: str, layout: str) -> Recording:
        """Return the window's micro-ops with their data flow, called ``state`` and ``layout``."""
        targets, target, index, offset = self._places()
        is_branch = np.array([micro.kind == "branch" for micro in self.micros])[self.micro]
        return Recording(
            state=state,
            layout=layout,
            ptes=self.window.ptes,
            uop=self._numbers(targets, target),
            distance=self._distances(),
            index=index,
            offset=offset,
            taken=np.where(is_branch, self.jumps[self.position], -1),
        )

    def _places(self) -> tuple[list[str], Ints, Ints, Ints]:
        """Return the targets, and of each row the number of its target, its index and its offset.

        Rows that touch nothing have the target with the number 0.
        """
        per_cpu = np.array([known.per_cpu for known in self.instructions])
        here = per_cpu[self.instruction_of][self.micro]
        found = np.zeros((3, len(self.rows)), np.int64)
        touching = np.flatnonzero(self.size)
        targets: dict[str, int] = {"": 0}
        first_page: int | None = None
        places: list[tuple[int, int, int]] = []
        of, first = numbered(2 * numbered(self.start[touching].view(np.int64))[0] + here[touching])
        for row in touching[first].tolist():
            start, local = int(self.start[row]), bool(here[row])
            target, index, offset = self.targets.place(start, per_cpu=local)
            if target in ("src", "dst"):
                index -= self.window.slot
            elif target == "page":
                first_page = index if first_page is None else first_page
                index -= first_page
            places.append((targets.setdefault(target, len(targets)), index, offset))
        if places:
            found[:, touching] = np.array(places, np.int64).T[:, of]
        return list(targets), found[0], found[1], found[2]

    def _numbers(self, targets: Sequence[str], target: Ints) -> Ints:
        """Return the static micro-op of each row; they are numbered in order of execution."""
        sizes = int(self.size.max(initial=0)) + 1
        of, first = numbered((self.micro * len(targets) + target) * sizes + self.size)
        numbers = np.empty(len(first), np.int64)
        for place, row in enumerate(first.tolist()):
            micro, size = self.micro[row], int(self.size[row])
            known = self.instructions[self.instruction_of[micro]]
            what = known.pc, self.micros[micro], targets[target[row]], size, known.function
            numbers[place] = self.builder.number(*what)
        return numbers[of]

    def _distances(self) -> Ints:
        """Return how many rows back the five inputs of each row were produced; 0 for none.

        Inputs without a producer in the window close up.
        """
        numbers: dict[str, int] = {}

        def registers(names: Sequence[tuple[str, ...]]) -> Ints:
            """Return the numbers of each row's registers; -1 behind the last."""
            columns = np.full((len(names), max(map(len, names))), -1)
            for row, some in enumerate(names):
                columns[row, : len(some)] = [numbers.setdefault(n, len(numbers)) for n in some]
            rows: Ints = columns[self.micro]
            return rows

        written = registers([micro.writes for micro in self.micros])
        rows, which = np.nonzero(written >= 0)
        writers = _Writers(written[rows, which], rows, len(self.rows))

        def producers(read: Sequence[tuple[str, ...]], count: int) -> Ints:
            found = [writers.before(column, self.rows) for column in registers(read).T]
            return self._closed_up(found, count)

        data = producers([micro.data for micro in self.micros], 3)
        address = producers([micro.address for micro in self.micros], 2)
        flags = producers([(FLAGS,) * micro.reads_flags for micro in self.micros], 1)
        memory = (self.touches > 0)[:, None]
        inputs = np.where(memory, np.hstack((address, data[:, :2])), np.hstack((data, flags)))
        return np.column_stack((inputs, self._closed_up([self._stored()], 1)))

    def _closed_up(self, producers: Sequence[Ints], count: int) -> Ints:
        """Return the distances to the first ``count`` different producers of each row."""
        kept = np.full((len(self.rows), count), -1)
        filled = np.zeros(len(self.rows), int)
        for column in producers:
            new = (column >= 0) & (filled < count) & (kept != column[:, None]).all(axis=1)
            kept[new, filled[new]] = column[new]
            filled[new] += 1
        return np.where(kept >= 0, self.rows[:, None] - kept, 0)

    def _stored(self) -> Ints:
        """Return the last row before each that wrote a byte which it reads; -1 for none."""
        access = np.array([micro.access for micro in self.micros])[self.micro]
        reading, writing = (
            np.flatnonzero(np.isin(access, names)) for names in (("r", "rw"), ("w", "rw"))
        )
        found = np.full(len(self.rows), -1)
        if not (len(reading) and len(writing)):
            return found
        read, written = self._bytes(reading), self._bytes(writing)
        pages = np.unique(written >> _PAGE_BITS)

        def numbered(places: NDArray[np.uint64]) -> Ints:
            """Return numbers of bytes in the pages that are written; -1 elsewhere."""
            page = np.minimum(np.searchsorted(pages, places >> _PAGE_BITS), len(pages) - 1)
            inside = pages[page] == places >> _PAGE_BITS
            offset = (places & _IN_PAGE).astype(np.int64)
            return np.where(inside, (page << int(_PAGE_BITS)) + offset, -1)

        writers = _Writers(
            numbered(written), np.repeat(writing, self.size[writing]), len(self.rows)
        )
        last = writers.before(numbered(read), np.repeat(reading, self.size[reading]))
        sizes = self.size[reading]
        found[reading] = np.maximum.reduceat(last, np.cumsum(sizes) - sizes)
        return found

    def _bytes(self, rows: Ints) -> NDArray[np.uint64]:
        """Return the address of each byte that rows touch."""
        sizes = self.size[rows]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(self.start[rows], sizes) + within.astype(np.uint64)


class _Writers:
    """Which row last wrote something: a register or a byte, by its number."""

    def __init__(self, what: Ints, rows: Ints, count: int) -> None:
        """``what`` was written by each of ``rows``; the window has ``count`` rows."""
        self._count, self._keys = count, np.sort(what * count + rows)

    def before(self, what: Ints, rows: Ints) -> Ints:
        """Return the last row before each of ``rows`` that wrote its ``what``; -1 for none."""
        if not len(self._keys):
            return np.full(len(rows), -1)
        key = self._keys[np.searchsorted(self._keys, what * self._count + rows) - 1]
        least = what * self._count
        known = (what >= 0) & (key >= least) & (key < least + rows)
        return np.where(known, key - least, -1)


_TOUCHES: Final = {"": 0, "r": 1, "p": 1, "w": 2, "rw": 3}
_WRITES, _READS_OR_WRITES = 2, 3
_PAGE_BITS: Final = np.uint64(12)
_IN_PAGE: Final = np.uint64(PAGE_BYTES - 1)
