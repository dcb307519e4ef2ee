"""Micro-ops: what strategies write by hand and what the core model prices.

A micro-op has a kind, the memory that it touches, and the earlier micro-ops that produce its
inputs. It has no latency: the machine file says that.
"""

from __future__ import annotations

import warnings
from enum import IntEnum
from typing import Final, NamedTuple, NewType

Value = NewType("Value", int)
"""Names the result of a micro-op. A ``yield`` of a micro-op answers with it; pass it to later
micro-ops that depend on the result."""
Values = tuple[Value, ...]
KNOWN: Final[Values] = ()
"""Pass this as ``address`` where the address has been known for long, so that the access waits for
nothing."""


class Kind(IntEnum):
    """What a micro-op does. Traces hold the numbers."""

    ALU = 0
    MUL = 1
    LOAD = 2
    STORE = 3
    RMW = 4
    BRANCH = 5
    JUMP = 6
    CALL = 7
    RET = 8
    DSB = 9
    DMB = 10
    ISB = 11
    TLBI = 12
    ZERO = 13
    NOP = 14
    SYSTEM = 15


class Target(IntEnum):
    """Which memory a micro-op touches. Traces hold the numbers."""

    NONE = 0
    SRC = 1  # parent page table (fork) or the table being unmapped (zap)
    DST = 2  # child page table
    PAGE = 3  # struct pages of the mapped frames
    TABLEPAGE = 4  # struct pages of the page tables themselves (lock words)
    STACK = 5
    VMA = 6
    MM = 7
    GLOBAL = 8
    OTHER = 9  # current task, per-CPU data, upper table levels, allocator
    BUDDY = 10  # struct pages that the page allocator meets beside a freed one: its buddies


class Subkind(IntEnum):
    """The variant of a kind, where variants differ in price."""

    PLAIN = 0
    MOVE = 1  # register-to-register move: free where the core eliminates moves
    IMMEDIATE = 2  # an immediate: no inputs, computed ahead where the core does so
    COMPARE = 3  # sets flags only: fuses with the conditional branch behind it where the core fuses
    RMW_STORE = 4  # arm64 atomic without result register (stadd, stclr): fire and forget
    RMW_VALUE = 5  # arm64 atomic that returns the old value (ldadd, swp)
    RMW_CAS = 6  # arm64 compare-and-swap
    RMW_LOCKED = 7  # x86 locked operation: a full barrier
    RMW_ACQUIRE = 8  # arm64 CAS or load-op with acquire semantics (spin lock)
    STORE_RELEASE = 9
    DSB_STORES = 10  # dsb ishst: waits for older stores
    DSB_ALL = 11  # dsb ish: waits for every older access and TLBI
    TLBI_PAGE = 12  # one entry, broadcast (vale1is)
    TLBI_RANGE = 13  # a range of entries, broadcast (rvale1is)
    TLBI_ASID = 14  # a whole address space, broadcast
    ZERO_LINE = 15  # dc zva: one 64-byte line
    ZERO_BLOCK = 16  # rep stosb / rep stosq
    PREFETCH = 17  # a load that nothing waits for
    ZERO_IDIOM = 18  # a register set to zero: no inputs, takes a dispatch slot
    INDIRECT = 19  # a call or jump to an address in a register or in memory: may be a retpoline


class Uop(NamedTuple):
    """One micro-op written by hand; the functions below make them.

    ``address_inputs`` and ``data_inputs`` are the values of earlier micro-ops that the address and
    the data are computed from, at most two each. A micro-op that touches no memory has up to four
    ``data_inputs``. With ``address_inputs=None`` an access to SRC, DST or PAGE waits for its
    address as compiled code does, see :mod:`costmodel.code.placing`. ``offset_bytes`` counts from
    the start of the page table (SRC, DST), of the array of struct pages (PAGE) or of the target's
    region. ``taken`` and ``site`` are those of a branch.
    """

    kind: Kind
    subkind: Subkind = Subkind.PLAIN
    op: str = ""
    target: Target = Target.NONE
    offset_bytes: int = 0
    size_bytes: int = 0
    address_inputs: tuple[Value, ...] | None = None
    data_inputs: tuple[Value, ...] = ()
    taken: bool | None = None
    site: str = ""

    @property
    def flavour(self) -> Subkind:
        """The old name of ``subkind``, with a warning (FutureWarning)."""
        return _under_new_name(self.subkind, self.subkind)


def load(
    target: Target,
    offset_bytes: int,
    *,
    size_bytes: int = 8,
    address: Values | None = None,
) -> Uop:
    """Return a read of ``size_bytes`` at ``offset_bytes`` of ``target``.

        flags = yield k.load(k.Target.PAGE, 64 * entry.head)

    The yield answers with the value that was read. ``address`` names the values that the address is
    computed from, at most two. Without it, an access to a struct page or a page table waits for its
    address as the compiled code around it does; ``KNOWN`` says that the address is there already.
    """
    return Uop(Kind.LOAD, Subkind.PLAIN, "load", target, offset_bytes, size_bytes, address)


def prefetch(target: Target, offset_bytes: int, *, address: Values | None = None) -> Uop:
    """Return a prefetch of the line at ``offset_bytes`` of ``target``: nothing waits for the line.

    ``address`` is that of :func:`load`.
    """
    return Uop(Kind.LOAD, Subkind.PREFETCH, "prefetch", target, offset_bytes, 1, address)


def store(
    target: Target,
    offset_bytes: int,
    *,
    size_bytes: int = 8,
    address: Values | None = None,
    data: Values = (),
) -> Uop:
    """Return a write of ``size_bytes`` at ``offset_bytes`` of ``target``.

    ``address`` is that of :func:`load`; ``data`` names the values written, at most two.
    """
    return Uop(Kind.STORE, Subkind.PLAIN, "store", target, offset_bytes, size_bytes, address, data)


def rmw(
    target: Target,
    offset_bytes: int,
    *,
    size_bytes: int = 8,
    subkind: Subkind = Subkind.RMW_STORE,
    address: Values | None = None,
    data: Values = (),
    flavour: Subkind | None = None,
) -> Uop:
    """Return an atomic read-modify-write of memory.

    ``subkind`` is, on arm64, ``RMW_STORE`` (nobody waits for the old value), ``RMW_VALUE``,
    ``RMW_CAS`` or ``RMW_ACQUIRE``; on x86 every atomic is a locked operation, whatever it says.
    ``address`` and ``data`` are those of :func:`store`. ``flavour`` is the old name of ``subkind``.
    """
    subkind = _under_new_name(subkind, flavour)
    return Uop(Kind.RMW, subkind, "rmw", target, offset_bytes, size_bytes, address, data)


def alu(*inputs: Value) -> Uop:
    """Return a computation from at most four values, which takes one cycle."""
    return Uop(Kind.ALU, op="alu", data_inputs=inputs)


def branch(site: str, *inputs: Value, taken: bool) -> Uop:
    """Return a conditional branch on at most four values.

    ``site`` names the branch for the predictor, ``taken`` says which way it goes.
    """
    return Uop(Kind.BRANCH, op="branch", data_inputs=inputs, taken=taken, site=site)


def call() -> Uop:
    """Return a call of a function, which is always predicted."""
    return Uop(Kind.CALL, op="call")


def ret() -> Uop:
    """Return a micro-op that returns from a function.

    It is predicted, but for machines that mispredict every return (Safe RET, the key
    ``mitigations.returns_mispredict``).
    """
    return Uop(Kind.RET, op="ret")


def dsb(*, stores_only: bool = False) -> Uop:
    """Return a barrier that waits for older memory accesses and TLB invalidations; arm64 only.

    With ``stores_only`` it waits for older stores (``dsb ishst``).
    """
    subkind = Subkind.DSB_STORES if stores_only else Subkind.DSB_ALL
    return Uop(Kind.DSB, subkind, "dsb_ishst" if stores_only else "dsb_ish")


def dmb() -> Uop:
    """Return a barrier that orders older memory accesses before younger ones.

    On x86 it stands for ``smp_mb()``, a locked operation on the stack.
    """
    return Uop(Kind.DMB, op="dmb")


def isb() -> Uop:
    """Return an instruction barrier: everything younger is fetched again; arm64 only."""
    return Uop(Kind.ISB, op="isb")


def tlbi(subkind: Subkind = Subkind.TLBI_PAGE, *, flavour: Subkind | None = None) -> Uop:
    """Return a broadcast TLB invalidation, which is complete at the next :func:`dsb`; arm64 only.

    ``subkind`` is ``TLBI_PAGE`` for one entry, ``TLBI_RANGE`` or ``TLBI_ASID``. ``flavour`` is its
    old name.
    """
    return Uop(Kind.TLBI, _under_new_name(subkind, flavour), "tlbi")


def _under_new_name(subkind: Subkind, flavour: Subkind | None) -> Subkind:
    """Return ``flavour`` with a warning (FutureWarning) where it is given, else ``subkind``."""
    if flavour is None:
        return subkind
    warnings.warn("'flavour' is now called 'subkind'", FutureWarning, stacklevel=3)
    return flavour
