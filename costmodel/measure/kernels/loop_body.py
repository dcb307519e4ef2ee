"""Write a loop, as ``costmodel loops`` states it, as assembly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

Operations = Iterable[tuple[str, int, str]]
"""The body in order: kind, how many, and form (``chain-2`` is a second chain)."""

_WORD, _LINE = 8, 64
_LOADED, _STORED, _NEW_LINES, _FORWARDED, _LOCKED, _END = 64, 1024, 1088, 1920, 2176, 4096
"""Where each kind of access finds its memory, in bytes from the start of the data."""
_RING = 61
"""A prime, of which 2 is a primitive root: doubling goes through all smaller numbers. The chains of
loads go so through the words that independent loads read, no step like the one before: a Raptor
Cove hands on what a load of one address always gave without waiting for it (four chained loads
take 1.3 cycles)."""
RING_START = _LOADED + _WORD
"""Where chains begin, in bytes from the start of the data."""


LINES = 8
"""How many lines a turn of a loop over lines in a row touches."""
LINES_BYTES = LINES * _LINE


def on_lines(one: str) -> str:
    """Return an instruction for each of ``LINES`` lines: ``{0}`` is the offset."""
    return "\n".join(one.format(_LINE * line) for line in range(LINES))


class CannotWrite(ValueError):
    """A loop that no text can be made of; the message says why."""


@dataclass(frozen=True)
class Instructions:
    """What each kind of instruction looks like; ``{d}`` is its register, ``{o}`` its offset in the
    data, ``{label}`` where it goes.

    The additions add zero and the multiplications multiply by one, so that a chain may hold an
    address all along.
    """

    homes: tuple[str, ...]
    """Registers that chains live in."""
    spare: tuple[str, str]
    """Registers that chained moves go through; the second takes results that nothing uses."""
    rotating: tuple[str, ...]
    """Registers that independent additions rotate over."""
    zero_register: str
    """What a store without a chain stores."""
    add: str
    mul: str
    """In a chain."""
    free_mul: str
    """One that depends on nothing."""
    move: str
    """From ``{s}`` to ``{d}``."""
    immediate: str
    zero: str
    chase: str
    """A load of the address in its own register."""
    pointer: str
    """Writes the address of offset ``{to}`` to offset ``{at}``, before the loop."""
    load: str
    store: str
    lock: str
    """An atomic addition to memory whose result nothing uses."""
    branch: str
    """Not taken; to label 9."""
    jump: str
    """To the next line of instructions."""
    call: str
    kernel: str
    """The whole kernel around ``{body}`` and the ``{functions}`` that it calls; ``{ring}`` writes
    what chains of loads go through."""
    lock_registers: tuple[str, ...] = ()
    """Where atomics take no offset: registers with the addresses of so many lines."""


class LoopBody:
    """Turns groups of instructions into text."""

    def __init__(self, instructions: Instructions) -> None:
        """Start with an empty body."""
        self._isa = instructions
        self._texts: list[list[str]] = [[]]
        self._functions: dict[int, str] = {}
        self._labels = count(20)
        self._open: list[int] = []
        self._homes: dict[str, str] = {}
        self._used: dict[str, int] = {}

    def text(self, operations: Operations, repeat: int = 1) -> str:
        """Return a kernel of the loop: body, counter, compare and a taken branch.

        Raises CannotWrite where calls and returns do not pair or chains outnumber registers.
        """
        for kind, number, form in list(operations) * repeat:
            self._group(kind, number, form)
        if self._open:
            raise CannotWrite("a call has no return")
        body = "\n".join(self._texts[0])
        # Outer before inner: calls go forward.
        functions = "\n".join(self._functions[label] for label in sorted(self._functions))
        return self._isa.kernel.format(ring=self._ring(), body=body, functions=functions)

    def _ring(self) -> str:
        at = [_LOADED + _WORD * number for number in range(_RING)]
        return "\n".join(
            self._isa.pointer.format(at=at[number], to=at[2 * number % _RING])
            for number in range(1, _RING)
        )

    def _group(self, kind: str, number: int, form: str) -> None:
        base = form.partition("-")[0]
        home = self._home(form) if base in ("chain", "forward") else None
        if kind == "move" and home:
            self._moves(home, number)
            return
        for _ in range(number):
            self._one(kind, base, form, home)

    def _one(self, kind: str, base: str, form: str, home: str | None) -> None:
        isa = self._isa
        unused = isa.spare[1]
        match kind:
            case "add":
                text = isa.add.format(d=home or self._rotated())
            case "mul":
                text = isa.mul.format(d=home) if home else isa.free_mul.format(d=unused)
            case "move":
                text = isa.move.format(s=isa.rotating[0], d=unused)
            case "immediate":
                text = isa.immediate.format(d=unused)
            case "zero":
                text = isa.zero.format(d=unused)
            case "load" if base == "chain":
                text = isa.chase.format(d=home)
            case "load":
                text = isa.load.format(d=home or unused, o=self._offset(kind, form))
            case "store":
                text = isa.store.format(d=home or isa.zero_register, o=self._offset(kind, form))
            case "lock":
                text = self._lock(self._offset(kind, form))
            case "branch":
                text = isa.branch
            case "jump":
                text = isa.jump.format(label=next(self._labels))
            case "call":
                return self._call()
            case "return":
                return self._return()
            case _:
                raise CannotWrite(f"no instruction is known for {kind!r}")
        self._texts[-1].append(text)

    def _lock(self, offset: int) -> str:
        registers = self._isa.lock_registers
        address = registers[(offset - _LOCKED) // _LINE % len(registers)] if registers else ""
        return self._isa.lock.format(o=offset, address=address)

    def _call(self) -> None:
        label = next(self._labels)
        self._texts[-1].append(self._isa.call.format(label=label))
        self._open.append(label)
        self._texts.append([])

    def _return(self) -> None:
        if not self._open:
            raise CannotWrite("a return has no call")
        label, body = self._open.pop(), self._texts.pop()
        self._functions[label] = "\n".join([".p2align 6", f"{label}:", *body, "ret"])

    def _moves(self, home: str, number: int) -> None:
        """Move a chain's value about, and at the end back to where it was."""
        first, second = self._isa.spare
        stops = [first, home] * (number // 2)
        if number % 2:
            stops = [first, second, home, *stops[:-2]] if number > 1 else [home]
        place = home
        for stop in stops:
            self._texts[-1].append(self._isa.move.format(s=place, d=stop))
            place = stop

    def _rotated(self) -> str:
        return self._isa.rotating[self._next("add", len(self._isa.rotating))]

    def _home(self, form: str) -> str:
        if form not in self._homes:
            if len(self._homes) == len(self._isa.homes):
                raise CannotWrite(f"more than {len(self._isa.homes)} chains")
            self._homes[form] = self._isa.homes[len(self._homes)]
        return self._homes[form]

    def _offset(self, kind: str, form: str) -> int:
        """Return where an access goes: as many places as its region has, then from the start."""
        if form.startswith("forward"):
            return _FORWARDED + _LINE * list(self._homes).index(form)
        if kind == "lock":
            step = _WORD if form == "same-line" else _LINE
            places = _LINE // _WORD if step == _WORD else (_END - _LOCKED) // _LINE
            return _LOCKED + step * self._next(f"lock {form}", places)
        if kind == "store" and form != "new-line":
            return _STORED + _WORD * self._next("store", _LINE // _WORD)
        if kind == "store":
            places = (_FORWARDED - _NEW_LINES) // _LINE
            return _NEW_LINES + _LINE * self._next("store new-line", places)
        return _LOADED + _WORD * self._next("load", (_STORED - _LOADED) // _WORD)

    def _next(self, key: str, places: int) -> int:
        number = self._used.get(key, 0)
        self._used[key] = number + 1
        return number % places
