"""Micro-ops in the words of a kernel developer: ``load pte[3]``, ``rmw struct page 17``."""

from __future__ import annotations

from typing import Final

from costmodel.code.expand import REGION_SHIFT, SLOT_ORIGIN
from costmodel.code.uops import Kind, Subkind, Target
from costmodel.mm.pte import PTE_BYTES
from costmodel.timeline.times import MicroOpTimes
from costmodel.units import LINE_BYTES, TICKS_PER_CYCLE

_KIND: Final = {
    Kind.RMW: "atomic",
    Kind.DSB: "dsb ish",
    Kind.TLBI: "tlbi",
    Kind.ZERO: "clear",
}
_SUBKIND: Final = {
    Subkind.MOVE: "move",
    Subkind.IMMEDIATE: "constant",
    Subkind.ZERO_IDIOM: "zero",
    Subkind.COMPARE: "compare",
    Subkind.RMW_STORE: "atomic add",
    Subkind.RMW_VALUE: "atomic fetch",
    Subkind.RMW_CAS: "cas",
    Subkind.RMW_LOCKED: "locked rmw",
    Subkind.RMW_ACQUIRE: "cas acquire",
    Subkind.STORE_RELEASE: "store release",
    Subkind.DSB_STORES: "dsb ishst",
    Subkind.TLBI_RANGE: "tlbi range",
    Subkind.TLBI_ASID: "tlbi asid",
    Subkind.ZERO_LINE: "dc zva",
}
_TARGET: Final = {
    Target.PAGE: "struct page",
    Target.TABLEPAGE: "table's struct page",
    Target.BUDDY: "buddy's struct page",
    Target.STACK: "stack",
    Target.VMA: "vma",
    Target.MM: "mm",
    Target.GLOBAL: "global",
    Target.OTHER: "other",
}


def operation(op: MicroOpTimes) -> str:
    """Return what a micro-op does: ``load``, ``locked rmw``, ``dsb ish``."""
    return _SUBKIND.get(op.subkind) or _KIND.get(op.kind) or op.kind.name.lower()


def label(op: MicroOpTimes) -> str:
    """Return what a micro-op does and to which memory: ``load pte[3]``."""
    return " ".join(part for part in (operation(op), place(op)) if part)


def place(op: MicroOpTimes) -> str:
    """Return the memory that a micro-op touches, such as ``pte[3]``; empty if it touches none."""
    if op.target in (Target.SRC, Target.DST):
        table = "pte" if op.target is Target.SRC else "child pte"
        return f"{table}[{slot(op)}]"
    if op.target is Target.PAGE:
        return f"struct page {(op.address - (op.target << REGION_SHIFT)) // LINE_BYTES}"
    return _TARGET.get(op.target, "")


def slot(op: MicroOpTimes) -> int:
    """Return which of the 512 entries an access to a page table touches."""
    return (op.address - (int(op.target) << REGION_SHIFT) - SLOT_ORIGIN) // PTE_BYTES


def waited_for(op: MicroOpTimes) -> str:
    """Return why the micro-op retired no earlier: the cause that most of its ticks go to."""
    if not op.charged:
        return ""
    cause, ticks = max(op.charged.items(), key=lambda item: item[1])
    return f"{cause.name.lower()} ({ticks / TICKS_PER_CYCLE:g} cycles)"
