"""What a kernel executes for an entry that maps nothing: it reads the entry and goes on.

An operation says it in one line of text (``empty_entry``). The micro-ops are those of 6.12.117 (gcc
12.2, small configuration, without contiguous blocks), as its loops executed them in the emulator of
``costmodel record`` on tables with few pages. Every strategy is priced with them, whatever its
kernel. Left out is fork's look at ``need_resched``, once in 32 entries: some 30 micro-ops on x86,
12 on arm64.

Micro-ops stand in order, between semicolons: what they do, to which registers, and behind an arrow
the register that holds the result. ``stack`` and ``spill`` name the byte of the stack. ``read``
names the register with the address. ``one`` is the micro-op of an immediate, which reads no
register.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cache
from typing import Any

from costmodel.code.events import Step
from costmodel.code.uops import KNOWN, Kind, Subkind, Target, Uop, Value
from costmodel.code.yields import generator
from costmodel.config.errors import ConfigError
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import PTE_BYTES
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.entry import Steps
from costmodel.operations.shared.strategy import Function

_Row = tuple[Uop, tuple[str, ...], str]
"""A micro-op, and the names of the registers that it reads and writes."""


class EmptyEntries:
    """What an operation executes for the empty entries of one table, in their order."""

    def __init__(self, operation: str, isa: str) -> None:
        """Begin at the table's first entry; ``operation`` is the name of what goes on."""
        self._kernel = operation, isa
        self._last = -1
        self._skipped: set[int] = set()
        self._registers: dict[str, int] = {}

    def skip(self, slot: int) -> Generator[Step | Uop, Any, None]:
        """Yield what is executed for the empty entry ``slot``.

        It waits for what the entry before left in registers where that was empty too.
        """
        if self._last != slot - 1:
            self._registers.clear()
        self._last = slot
        self._skipped.add(slot)
        values = self._registers
        for uop, reads, writes in _rows(*self._kernel):
            known = tuple(Value(values[name]) for name in reads if name in values)
            if uop.target is Target.SRC:
                value = yield uop._replace(offset_bytes=PTE_BYTES * slot, address_inputs=known)
            else:
                value = yield uop._replace(data_inputs=known)
            if writes:
                values[writes] = value

    def all_of(self, slots: range, function: Function, begun: TableOperation) -> Steps:
        """Yield what a function yields, and what is executed for the other empty ``slots``.

        A kernel cannot know that an entry is empty unless it reads it, so what a strategy passes by
        is executed all the same.
        """
        yield from generator(function(begun))
        for slot in slots:
            if slot not in self._skipped:
                yield from self.skip(slot)


@cache
def _rows(operation: str, isa: str) -> tuple[_Row, ...]:
    text = operation_named(operation).empty_entry.get(isa)
    if text is None:
        reason = f"what {operation} executes for an entry that maps nothing was not recorded"
        raise ConfigError.of("holes", reason, got=isa)
    return tuple(_parsed(text))


def _parsed(text: str) -> Iterator[_Row]:
    for number, row in enumerate(text.split("; ")):
        said, _, writes = row.partition(" -> ")
        name, *reads = said.split()
        offset = int(reads.pop(0)) if name in ("stack", "spill") else 0
        yield _uop(name, offset, f"hole {number}"), tuple(reads), writes


def _uop(name: str, offset: int, site: str) -> Uop:
    match name:
        case "read":
            return Uop(Kind.LOAD, Subkind.PLAIN, "load", Target.SRC, 0, PTE_BYTES)
        case "stack":
            return Uop(Kind.LOAD, Subkind.PLAIN, "load", Target.STACK, offset, 8, KNOWN)
        case "spill":
            return Uop(Kind.STORE, Subkind.PLAIN, "store", Target.STACK, offset, 8, KNOWN)
        case "taken" | "not-taken":
            return Uop(Kind.BRANCH, op="branch", taken=name == "taken", site=site)
        case "nop":
            return Uop(Kind.NOP, op="nop")
    subkind = {"compare": Subkind.COMPARE, "one": Subkind.IMMEDIATE, "move": Subkind.MOVE}
    return Uop(Kind.ALU, subkind.get(name, Subkind.PLAIN), "alu")
