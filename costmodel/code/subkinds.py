"""The kind and flavour of each mnemonic that the recordings use."""

from __future__ import annotations

from functools import cache
from typing import Final

from costmodel.code.uops import Flavour, Kind

_BY_OP: Final = {
    "mov": Flavour.MOVE,
    "mov_imm": Flavour.IMMEDIATE,
    "zero_idiom": Flavour.ZERO_IDIOM,
    "adrp": Flavour.IMMEDIATE,
    "cmp": Flavour.COMPARE,
    "cmn": Flavour.COMPARE,
    "tst": Flavour.COMPARE,
    "test": Flavour.COMPARE,
    "stadd": Flavour.RMW_STORE,
    "stclr": Flavour.RMW_STORE,
    "stset": Flavour.RMW_STORE,
    "ldadd": Flavour.RMW_VALUE,
    "swp": Flavour.RMW_VALUE,
    "cas": Flavour.RMW_CAS,
    "casa": Flavour.RMW_ACQUIRE,
    "ldaddal": Flavour.RMW_ACQUIRE,
    "prfm": Flavour.PREFETCH,
    "prefetchw": Flavour.PREFETCH,
    "prefetchwt1": Flavour.PREFETCH,
    "prefetcht0": Flavour.PREFETCH,
    "prefetcht1": Flavour.PREFETCH,
    "prefetcht2": Flavour.PREFETCH,
    "prefetchnta": Flavour.PREFETCH,
    "stlrb": Flavour.STORE_RELEASE,
    "dsb_ishst": Flavour.DSB_STORES,
    "dsb_ish": Flavour.DSB_ALL,
    "tlbi_vale1is": Flavour.TLBI_PAGE,
    "tlbi_rvale1is": Flavour.TLBI_RANGE,
    "dc_zva": Flavour.ZERO_LINE,
    "rep_stosb": Flavour.ZERO_BLOCK,
    "rep_stosq": Flavour.ZERO_BLOCK,
}
_KINDS_WITH_FLAVOUR: Final = {
    "alu": (Flavour.MOVE, Flavour.IMMEDIATE, Flavour.ZERO_IDIOM, Flavour.COMPARE),
    "rmw": (Flavour.RMW_STORE, Flavour.RMW_VALUE, Flavour.RMW_CAS, Flavour.RMW_ACQUIRE),
    "load": (Flavour.PREFETCH,),
    "store": (Flavour.STORE_RELEASE,),
    "dsb": (Flavour.DSB_STORES, Flavour.DSB_ALL),
    "tlbi": (Flavour.TLBI_PAGE, Flavour.TLBI_RANGE),
    "zero": (Flavour.ZERO_LINE, Flavour.ZERO_BLOCK),
}


_BY_HAND: Final = {
    "rmw": (Flavour.RMW_LOCKED,),
    "tlbi": (Flavour.TLBI_ASID,),
}
"""Flavours of hand-written micro-ops that no single mnemonic of the recordings has."""
_NEVER_PLAIN: Final = ("rmw", "dsb", "tlbi", "zero")


@cache
def flavours_of(kind: Kind) -> tuple[Flavour, ...]:
    """Return the flavours that micro-ops of a kind can have."""
    name = kind.name.lower()
    plain = () if name in _NEVER_PLAIN else (Flavour.PLAIN,)
    return (*plain, *_KINDS_WITH_FLAVOUR.get(name, ()), *_BY_HAND.get(name, ()))


@cache
def kind_of(kind: str) -> Kind:
    """Return the kind with the name that recordings use."""
    return Kind[kind.upper()]


@cache
def flavour_of(kind: str, op: str) -> Flavour:
    """Return the flavour of a recorded micro-op; that of every x86 atomic is locked."""
    if kind == "rmw" and op.startswith(("lock_", "xchg")):
        return Flavour.RMW_LOCKED
    flavour = _BY_OP.get(op, Flavour.PLAIN)
    return flavour if flavour in _KINDS_WITH_FLAVOUR.get(kind, ()) else Flavour.PLAIN
