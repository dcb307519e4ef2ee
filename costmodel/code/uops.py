"""The micro-op vocabulary: what a strategy yields and what a core prices.

A micro-op names its kind, what it touches and which earlier micro-ops produced its inputs. It knows
no latency: that is the machine's business.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple, NewType

Value = NewType("Value", int)
"""Names the result of a micro-op that was yielded: pass it to later ones that depend on it."""
Values = tuple[Value, ...]
KNOWN: Final[Values] = ()
"""As ``address``: the address has been known for long, nothing is waited for."""


class Kind(IntEnum):
    """What a micro-op is. The numbers are stored in traces."""

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
    """Which memory a micro-op touches. The numbers are stored in traces."""

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


class Flavour(IntEnum):
    """What a kind leaves open and a core must know."""

    PLAIN = 0
    MOVE = 1  # register-to-register move: free where the core eliminates moves
    FREE = 2  # zero idiom or immediate: no inputs, still takes a dispatch slot
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


class Uop(NamedTuple):
    """One hand-written micro-op.

    ``address_inputs`` and ``data_inputs`` are values of earlier micro-ops (at most two each; a
    micro-op without memory uses ``data_inputs``, at most four). ``address_inputs`` None: an access
    to SRC, DST or PAGE waits for its address as compiled code does, see
    :mod:`costmodel.code.placing`. ``offset_bytes`` counts from the start of the PTE table (SRC,
    DST), of the struct-page array (PAGE) or of the target's region.
    """

    kind: Kind
    flavour: Flavour = Flavour.PLAIN
    op: str = ""
    target: Target = Target.NONE
    offset_bytes: int = 0
    size_bytes: int = 0
    address_inputs: tuple[Value, ...] | None = None
    data_inputs: tuple[Value, ...] = ()
    taken: bool | None = None
    site: str = ""


def load(
    target: Target,
    offset_bytes: int,
    *,
    size_bytes: int = 8,
    address: Values | None = None,
) -> Uop:
    """Read memory; what is yielded answers with a value that names what was read.

    ``address`` names the values that the address is computed from, at most two. Without it an
    access to a struct page or a page table waits as the compiled code around it does, and no
    longer; :data:`KNOWN` says that nothing is to be waited for.
    """
    return Uop(Kind.LOAD, Flavour.PLAIN, "load", target, offset_bytes, size_bytes, address)


def prefetch(target: Target, offset_bytes: int, *, address: Values | None = None) -> Uop:
    """Ask for a line of memory without waiting for it; ``address`` as for :func:`load`."""
    return Uop(Kind.LOAD, Flavour.PREFETCH, "prefetch", target, offset_bytes, 1, address)


def store(
    target: Target,
    offset_bytes: int,
    *,
    size_bytes: int = 8,
    address: Values | None = None,
    data: Values = (),
) -> Uop:
    """Write memory; ``address`` as for :func:`load`, ``data`` the values written, at most two."""
    return Uop(Kind.STORE, Flavour.PLAIN, "store", target, offset_bytes, size_bytes, address, data)


def rmw(
    target: Target,
    offset_bytes: int,
    *,
    size_bytes: int = 8,
    flavour: Flavour = Flavour.RMW_STORE,
    address: Values | None = None,
    data: Values = (),
) -> Uop:
    """Update memory atomically; ``address`` and ``data`` as for :func:`store`.

    On x86 every atomic is locked, whatever ``flavour`` says.
    """
    return Uop(Kind.RMW, flavour, "rmw", target, offset_bytes, size_bytes, address, data)


def alu(*inputs: Value) -> Uop:
    """Compute in one cycle from at most four values."""
    return Uop(Kind.ALU, op="alu", data_inputs=inputs)


def branch(site: str, *inputs: Value, taken: bool) -> Uop:
    """Branch on values; ``site`` names the branch for the predictor."""
    return Uop(Kind.BRANCH, op="branch", data_inputs=inputs, taken=taken, site=site)


def call() -> Uop:
    """Call a function (predicted)."""
    return Uop(Kind.CALL, op="call")


def ret() -> Uop:
    """Return from a function (predicted)."""
    return Uop(Kind.RET, op="ret")


def dsb(*, stores_only: bool = False) -> Uop:
    """Wait for older memory accesses and TLB invalidations (``stores_only``: for stores)."""
    flavour = Flavour.DSB_STORES if stores_only else Flavour.DSB_ALL
    return Uop(Kind.DSB, flavour, "dsb_ishst" if stores_only else "dsb_ish")


def dmb() -> Uop:
    """Order older memory accesses before younger ones."""
    return Uop(Kind.DMB, op="dmb")


def isb() -> Uop:
    """Refetch everything younger."""
    return Uop(Kind.ISB, op="isb")


def tlbi(flavour: Flavour = Flavour.TLBI_PAGE) -> Uop:
    """Broadcast a TLB invalidation; it is complete at the next :func:`dsb`."""
    return Uop(Kind.TLBI, flavour, "tlbi")
