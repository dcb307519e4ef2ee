"""A loop shaped like the kernel's: page-table entry in, struct page, atomics, entry out."""

from __future__ import annotations

from costmodel.code.trace import Trace
from costmodel.code.uops import Subkind, Target, Uop

from .build import alu, branch, load, rmw, store, trace_of


def fork_loop(ptes: int, isa: str, *, scattered: bool = False) -> Trace:
    """Copy ``ptes`` entries of order-0 folios."""
    locked = isa == "x86_64"
    posted = Subkind.RMW_LOCKED if locked else Subkind.RMW_STORE
    compared = Subkind.RMW_LOCKED if locked else Subkind.RMW_CAS
    uops: list[Uop] = []
    starts = []
    for pte in range(ptes):
        at = len(uops)
        starts.append(at)
        page = 64 * (pte * 7919 % 65536 if scattered else pte)
        uops += [
            load(8 * pte, target=Target.SRC),
            alu(at),
            branch(False, at, site="none"),
            *(alu(at + 2 + i) for i in range(6)),
            load(page + 8, target=Target.PAGE, address=[at + 8]),
            alu(at + 9),
            branch(True, at + 10, site="head"),
            rmw(posted, page + 52, target=Target.PAGE, data=[at + 10]),
            *(alu() for _ in range(30)),
            rmw(posted, page + 48, target=Target.PAGE),
            load(8),
            alu(at + 44),
            store(8, data=[at + 45]),
            rmw(compared, 8 * pte, target=Target.SRC, data=[at]),
            *(alu(at + 47) for _ in range(4)),
            store(8 * pte, target=Target.DST, data=[at + 48]),
            branch(pte < ptes - 1, site="loop"),
        ]
    return trace_of(uops, step_start=starts)
