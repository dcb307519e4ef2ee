"""Checks a micro-op that a strategy wrote by hand, and makes it of plain values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from costmodel.code.subkinds import subkinds_of
from costmodel.code.uops import Kind, Subkind, Target, Uop
from costmodel.config.errors import describe
from costmodel.user_code.blame import StrategyError

_MEMORY: Final = frozenset({Kind.LOAD, Kind.STORE, Kind.RMW, Kind.ZERO})
_MAX_OFFSET_BYTES: Final = 1 << 43
_MAX_SIZE_BYTES: Final = 4096
_ONLY_ON: Final = {
    "TLBI": "arm64",
    "DSB": "arm64",
    "ISB": "arm64",
    "RMW_LOCKED": "x86_64",
    "STORE_RELEASE": "arm64",
    "ZERO_LINE": "arm64",
    "ZERO_BLOCK": "x86_64",
}
"""Kinds and subkinds that exist on one instruction set only. Both have atomics (on x86 locked
operations) and ``dmb``, which stands for ``smp_mb()``."""


def checked(uop: Uop, number: int, isa: str) -> Uop:
    """Return the micro-op of yield ``number``, made of plain values.

    Raises StrategyError for wrong fields, values that no earlier yield has answered, and what does
    not exist on the instruction set ``isa``.
    """
    kind, subkind, op, target, offset, size, address, data, taken, site = uop
    try:
        plain = _form(kind, subkind, op, target, size, taken, site, isa)
    except TypeError:  # what has no hash is not remembered
        plain = _form.__wrapped__(kind, subkind, op, target, size, taken, site, isa)
    memory = plain.kind in _MEMORY
    if type(offset) is not int or not -_MAX_OFFSET_BYTES < offset < _MAX_OFFSET_BYTES:
        raise _wrong(plain, "offset_bytes", "a whole number of bytes", offset)
    if address is not None:
        address = _inputs(plain, "address", address, 2 if memory else 0, number)
    data = _inputs(plain, "data" if memory else "inputs", data, 2 if memory else 4, number)
    return plain._replace(offset_bytes=offset, address_inputs=address, data_inputs=data)


@lru_cache(maxsize=1024, typed=True)
def _form(
    kind: Any, subkind: Any, op: Any, target: Any, size: Any, taken: Any, site: Any, isa: str
) -> Uop:
    """Return a micro-op without address and inputs, checked; remembered, as there are few forms."""
    for value, of, name in ((kind, Kind, "kind"), (subkind, Subkind, "subkind")):
        if not isinstance(value, of):
            raise StrategyError(f"{name}: must be one of {of.__name__}", got=describe(value))
    named = Uop(kind, subkind, str(op) if isinstance(op, str) else "")
    if not isinstance(op, str):
        raise _wrong(named, "op", "a text", op)
    if not isinstance(target, Target):
        raise _wrong(named, "target", "one of Target", target)
    if (kind in _MEMORY) == (target is Target.NONE):
        least = "some memory" if kind in _MEMORY else "Target.NONE"
        raise _wrong(named, "target", least, target)
    subkinds = subkinds_of(kind)
    if subkind not in subkinds:
        names = " or ".join(each.name for each in subkinds)
        raise _wrong(named, "subkind", names, subkind)
    _on(named, isa)
    if type(size) is not int or not (kind in _MEMORY) <= size <= _MAX_SIZE_BYTES:
        raise _wrong(named, "size_bytes", f"from 1 to {_MAX_SIZE_BYTES} bytes", size)
    if (type(taken) is bool) != (kind is Kind.BRANCH):
        raise _wrong(named, "taken", "true or false for a branch alone", taken)
    if not isinstance(site, str):
        raise _wrong(named, "site", "the name of a branch, a text", site)
    return Uop(kind, subkind, str(op), target, 0, size, (), (), taken, str(site))


def _on(uop: Uop, isa: str) -> None:
    for feature in (uop.kind, uop.subkind):
        needed = _ONLY_ON.get(feature.name, isa)
        if needed != isa:
            what = _name(uop) if feature is uop.kind else f"{_name(uop)} ({feature.name})"
            raise StrategyError(f"{what} exists on {needed} alone", got=isa)


def _inputs(uop: Uop, name: str, values: Any, most: int, number: int) -> tuple[Any, ...]:
    if not isinstance(values, tuple) or len(values) > most:
        raise _wrong(uop, name, f"at most {most} values" if most else "empty", values)
    for value in values:
        if type(value) is not int or not 0 <= value < number:
            reason = "waits for what no yield before has answered"
            raise StrategyError(reason, got=describe(value))
    return tuple(values)


def _wrong(uop: Uop, name: str, needed: str, got: object) -> StrategyError:
    return StrategyError(f"{_name(uop)}: {name}: must be {needed}", got=describe(got))


def _name(uop: Uop) -> str:
    """Return what the function that makes the micro-op is called."""
    named_by_subkind = uop.kind is Kind.DSB  # dsb_ish, dsb_ishst
    return uop.kind.name.lower() if named_by_subkind or not uop.op else uop.op
