"""The kind and subkind of each mnemonic that the recordings use."""

from __future__ import annotations

from functools import cache
from typing import Final

from costmodel.code.uops import Kind, Subkind

# jmp_mem is the table of a switch, which kernels with retpolines are built without.
_BY_OP: Final = {
    "mov": Subkind.MOVE,
    "mov_imm": Subkind.IMMEDIATE,
    "zero_idiom": Subkind.ZERO_IDIOM,
    "adrp": Subkind.IMMEDIATE,
    "cmp": Subkind.COMPARE,
    "cmn": Subkind.COMPARE,
    "tst": Subkind.COMPARE,
    "test": Subkind.COMPARE,
    "stadd": Subkind.RMW_STORE,
    "stclr": Subkind.RMW_STORE,
    "stset": Subkind.RMW_STORE,
    "ldadd": Subkind.RMW_VALUE,
    "swp": Subkind.RMW_VALUE,
    "cas": Subkind.RMW_CAS,
    "casa": Subkind.RMW_ACQUIRE,
    "ldaddal": Subkind.RMW_ACQUIRE,
    "prfm": Subkind.PREFETCH,
    "prefetchw": Subkind.PREFETCH,
    "prefetchwt1": Subkind.PREFETCH,
    "prefetcht0": Subkind.PREFETCH,
    "prefetcht1": Subkind.PREFETCH,
    "prefetcht2": Subkind.PREFETCH,
    "prefetchnta": Subkind.PREFETCH,
    "stlrb": Subkind.STORE_RELEASE,
    "dsb_ishst": Subkind.DSB_STORES,
    "dsb_ish": Subkind.DSB_ALL,
    "tlbi_vale1is": Subkind.TLBI_PAGE,
    "tlbi_rvale1is": Subkind.TLBI_RANGE,
    "dc_zva": Subkind.ZERO_LINE,
    "rep_stosb": Subkind.ZERO_BLOCK,
    "rep_stosq": Subkind.ZERO_BLOCK,
    "call_reg": Subkind.INDIRECT,
    "call_mem": Subkind.INDIRECT,
    "jmp_reg": Subkind.INDIRECT,
    "blr": Subkind.INDIRECT,
    "br": Subkind.INDIRECT,
}
_KINDS_WITH_SUBKIND: Final = {
    "alu": (Subkind.MOVE, Subkind.IMMEDIATE, Subkind.ZERO_IDIOM, Subkind.COMPARE),
    "rmw": (Subkind.RMW_STORE, Subkind.RMW_VALUE, Subkind.RMW_CAS, Subkind.RMW_ACQUIRE),
    "load": (Subkind.PREFETCH,),
    "store": (Subkind.STORE_RELEASE,),
    "dsb": (Subkind.DSB_STORES, Subkind.DSB_ALL),
    "tlbi": (Subkind.TLBI_PAGE, Subkind.TLBI_RANGE),
    "zero": (Subkind.ZERO_LINE, Subkind.ZERO_BLOCK),
    "call": (Subkind.INDIRECT,),
    "jump": (Subkind.INDIRECT,),
}


_BY_HAND: Final = {
    "rmw": (Subkind.RMW_LOCKED,),
    "tlbi": (Subkind.TLBI_ASID,),
}
"""Subkinds of hand-written micro-ops that no single mnemonic of the recordings has."""
_NEVER_PLAIN: Final = ("rmw", "dsb", "tlbi", "zero")


@cache
def subkinds_of(kind: Kind) -> tuple[Subkind, ...]:
    """Return the subkinds that micro-ops of a kind can have."""
    name = kind.name.lower()
    plain = () if name in _NEVER_PLAIN else (Subkind.PLAIN,)
    return (*plain, *_KINDS_WITH_SUBKIND.get(name, ()), *_BY_HAND.get(name, ()))


@cache
def kind_of(kind: str) -> Kind:
    """Return the kind with the name that recordings use."""
    return Kind[kind.upper()]


@cache
def subkind_of(kind: str, op: str) -> Subkind:
    """Return the subkind of a recorded micro-op; that of every x86 atomic is locked."""
    if kind == "rmw" and op.startswith(("lock_", "xchg")):
        return Subkind.RMW_LOCKED
    subkind = _BY_OP.get(op, Subkind.PLAIN)
    return subkind if subkind in _KINDS_WITH_SUBKIND.get(kind, ()) else Subkind.PLAIN
