"""What the running kernel does against speculation in its returns and indirect calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from costmodel.measure.experiment import Estimate
from costmodel.measure.readings.core import HALF
from costmodel.measure.readings.number import SHIFTED, Number, Taken

_FOLDER = "/sys/devices/system/cpu/vulnerabilities"
_CALL_EXECUTES = 1.0
"""Cycles in which a call executes, as every branch does: ``_branch`` of ``cpu/execution.py``."""


@dataclass(frozen=True)
class _Thunk:
    """What a kernel's returns go through, and how ``_FOLDER`` calls it."""

    said: str
    kernel: str
    """The kernel that times a call and such a return; empty where none does."""
    mispredicts: bool


_THUNKS = (
    _Thunk("safe ret", "call and safe return", mispredicts=True),
    _Thunk("untrained return thunk", "call and safe return", mispredicts=True),
    _Thunk("aligned branch/return thunks", "call and aligned return", mispredicts=False),
    _Thunk("stuffing", "", mispredicts=False),  # counts calls: arch/x86/kernel/callthunks.c
)
"""The first that is said counts. A kernel without any patches its thunks away: arch/x86/kernel/
alternative.c, ``apply_returns``."""


def numbers(taken: Taken, vulnerabilities: Mapping[str, str]) -> Iterator[Number]:
    """Yield the numbers of ``mitigations``; ``vulnerabilities`` is what the system says of each.

    It yields none where the system says nothing.
    """
    if not vulnerabilities:
        return
    yield from _indirect(taken, vulnerabilities.get("spectre_v2", ""))
    texts = " ".join(vulnerabilities.values()).lower()
    thunk = next((each for each in _THUNKS if each.said in texts), None)
    forced = thunk is not None and thunk.mispredicts
    yield Number.choice("mitigations.returns_mispredict", forced, _FOLDER)
    key = "mitigations.return_cycles"
    if thunk is None:
        yield Number(key, 0, 0, 0, f"{_FOLDER}: returns go through no thunk")
    elif taken.has("call and return", thunk.kernel, "mispredict", "predicted"):
        each = _beyond(taken, thunk)
        less = "a plain one and a mispredict" if forced else "a plain one"
        how = f'a call through a thunk ("{thunk.said}"), less {less}'
        low, high = each.low, each.high
        if forced:
            low, high = max(0.0, low - SHIFTED), high + SHIFTED
        yield Number(key, each.value, low, high, how)


def _indirect(taken: Taken, said: str) -> Iterator[Number]:
    key = "mitigations.indirect_cycles"
    if said and "retpoline" not in said.lower():
        yield Number(key, 0, 0, 0, f"{_FOLDER}: indirect calls go through no retpoline")
    elif said and taken.has("retpoline and return", "call and return"):
        plain = taken.cycles("call and return").value
        # The number counts from the end of the call, so the cycle in which that executes is not in
        # it, nor the plain return, which is half of a plain pair.
        less = _CALL_EXECUTES + HALF * plain
        each = taken.cycles("retpoline and return").scaled(1, less).not_negative()
        how = "a call through a retpoline, less a plain return and the cycle in which it executes"
        yield Number.of(key, each, how)


def _beyond(taken: Taken, thunk: _Thunk) -> Estimate:
    """Return what a return through a thunk costs beyond a plain one and its mispredict."""
    plain = taken.cycles("call and return").value
    known = taken.mispredict_cycles().value if thunk.mispredicts else 0.0
    return taken.cycles(thunk.kernel).scaled(1, plain + known).not_negative()
