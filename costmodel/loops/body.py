"""Makes the trace of a loop: the micro-ops that it executes, iteration after iteration."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from costmodel.code.trace import FLAGS, NO_ADDRESS, NO_PRODUCER, Trace
from costmodel.code.uops import Kind, Subkind, Target
from costmodel.config.parameter import Isa
from costmodel.loops.form import CHAINED, InstructionGroup, Loop
from costmodel.loops.rows import WORD_BYTES, LoopRow, trace_of_rows
from costmodel.units import LINE_BYTES

REGISTERS = 8
"""The number of registers that independent additions rotate over."""
LINES = 32
"""The number of lines that accesses without a line of their own rotate over: few, so that all of
them stay in any L1."""
_LOADED, _STORED, _LOCKED, _FORWARDED = (number << 20 for number in range(1, 5))

_KIND = {
    "add": (Kind.ALU, Subkind.PLAIN),
    "mul": (Kind.MUL, Subkind.PLAIN),
    "move": (Kind.ALU, Subkind.MOVE),
    "immediate": (Kind.ALU, Subkind.IMMEDIATE),
    "zero": (Kind.ALU, Subkind.ZERO_IDIOM),
    "load": (Kind.LOAD, Subkind.PLAIN),
    "store": (Kind.STORE, Subkind.PLAIN),
    "branch": (Kind.BRANCH, Subkind.PLAIN),
    "jump": (Kind.JUMP, Subkind.PLAIN),
    "call": (Kind.CALL, Subkind.PLAIN),
    "return": (Kind.RET, Subkind.PLAIN),
}
_LOCK = {"x86_64": Subkind.RMW_LOCKED, "arm64": Subkind.RMW_STORE}
_REGIONS = {"load": _LOADED, "store": _STORED, "lock": _LOCKED}
_NO_RESULT = ("store", "branch", "jump", "call", "return")
_NO_INPUT = ("immediate", "zero", "jump", "call", "return")


def trace_of(loop: Loop, isa: Isa, iterations: int) -> Trace:
    """Return the trace of ``iterations`` iterations of a loop, one step per iteration.

    Behind the body, each iteration has a counter, a compare and a taken branch.
    """
    made = _Rows(isa)
    starts = []
    body = loop.ops * loop.repeat
    for _ in range(iterations):
        starts.append(len(made.rows))
        made.place.clear()
        for group in body:
            for _ in range(group.count):
                made.add(group)
        made.end_iteration()
    return trace_of_rows(made.rows, starts, step="iteration", target=lambda _: Target.GLOBAL)


@dataclass
class _Rows:
    """The micro-ops so far, and the results that later ones can depend on."""

    isa: Isa
    rows: list[LoopRow] = field(default_factory=list)
    chains: dict[tuple[str, str], int] = field(default_factory=dict)
    """The row with the latest result of each chain, by the chain's form and number."""
    registers: list[int] = field(default_factory=lambda: [NO_PRODUCER] * REGISTERS)
    additions: int = 0
    flags: int = NO_PRODUCER
    """The row with the latest flags: of an addition, or of the compare that ends an iteration. On
    x86-64 the branches of a group read them; those of arm64 test a register (``cbnz``)."""
    counter: int = NO_PRODUCER
    place: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How many instructions of each kind and form this iteration has so far."""

    def add(self, group: InstructionGroup) -> None:
        """Execute one instruction of a group."""
        kind = group.kind
        chain = (group.form, group.chain) if group.form in CHAINED else None
        latest = self.chains.get(chain, NO_PRODUCER) if chain else NO_PRODUCER
        source = NO_PRODUCER if kind in _NO_INPUT else latest
        if kind == "add" and chain is None:
            register = self.additions % REGISTERS
            source, self.additions = self.registers[register], self.additions + 1
            self.registers[register] = len(self.rows)
        what = (Kind.RMW, _LOCK[self.isa]) if kind == "lock" else _KIND[kind]
        address = self._address(group) if kind in _REGIONS else NO_ADDRESS
        # The address of a chained load comes from the result before; what is stored is data.
        column = 0 if kind == "load" and group.form == "chain" else 2 if address >= 0 else 0
        if kind == "branch" and self.isa == "x86_64":
            column, source = FLAGS, self.flags
        if kind == "load" and group.form == "forward":
            source = NO_PRODUCER  # it waits for the memory that the store before it wrote
        taken = 0 if kind == "branch" else -1
        self.rows.append(LoopRow(*what, {column: source}, address, taken))
        if kind == "add":
            self.flags = len(self.rows) - 1
        if chain and kind not in _NO_RESULT:
            self.chains[chain] = len(self.rows) - 1

    def end_iteration(self) -> None:
        """Add the counter, the compare and the branch at the end of an iteration."""
        counter = len(self.rows)
        self.rows += [
            LoopRow(Kind.ALU, inputs={0: self.counter}),
            LoopRow(Kind.ALU, Subkind.COMPARE, {0: counter}),
            LoopRow(Kind.BRANCH, inputs={FLAGS: counter + 1}, taken=1),
        ]
        self.counter = counter
        self.flags = counter + 1

    def _address(self, group: InstructionGroup) -> int:
        """Return the address of the next access of a group; it is the same in every iteration."""
        if group.form == "forward":
            number = sum(ord(letter) << (3 * i) for i, letter in enumerate(group.chain)) % LINES
            return _FORWARDED + number * LINE_BYTES
        key = f"{group.kind} {group.form}"
        number, self.place[key] = self.place[key], self.place[key] + 1
        region = _REGIONS[group.kind]
        if group.form == "same-line":
            return region + LINES * LINE_BYTES + number * WORD_BYTES % LINE_BYTES
        if group.form == "new-line" or group.kind == "lock":
            return region + number % LINES * LINE_BYTES
        return region + 2 * LINES * LINE_BYTES + number * WORD_BYTES % (LINES * LINE_BYTES)
