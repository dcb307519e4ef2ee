"""The pieces that copy loops of ``fork()`` are made of, and complete loops to start from.

A user's strategy needs this one import:

    from costmodel.strategies import fork as k

A strategy is a generator function of one argument, the fork (``ForkOperation``). It changes page
tables through the methods of the fork and of the tables that it hands out. It yields an event
(``Step``) for each change, behind which the recorded instructions of the kernel stand, and may
yield micro-ops written by hand. docs/strategies.md explains how to write one.

* Complete loops: ``copy_per_pte``, ``copy_batched`` with a ``Batching``, ``v6_9``, ``v6_12``,
  ``v7_2``, ``contpte_v6_9``, ``contpte_v6_12``, ``contpte_v7_2``, ``copy_unbatched``,
  ``copy_block_batched``.
* Changes of a complete loop: ``after``, ``before``, ``dropping``, ``without``.
* Pieces of a loop: ``new_table``, ``read``, ``scan``, ``copy_batch``, ``copy_single``,
  ``copy_unusual`` and what these are made of; ``Progress`` and ``COPIED``.
* PMDs that map folios, which no loop over tables sees: ``copy_pmds``, ``copy_pmd``.
* Micro-ops: ``load``, ``store``, ``rmw``, ``prefetch``, ``alu``, ``branch``, ``call``, ``ret``,
  ``dmb``, ``dsb``, ``isb``, ``tlbi``.
* ``built_on`` names the kernel build whose instructions stand behind the events.
"""

import warnings
from typing import TYPE_CHECKING

from costmodel.code.events import Step, Trait
from costmodel.code.uops import (
    KNOWN,
    Kind,
    Subkind,
    Target,
    Uop,
    Value,
    alu,
    branch,
    call,
    dmb,
    dsb,
    isb,
    load,
    prefetch,
    ret,
    rmw,
    store,
    tlbi,
)
from costmodel.mm.address_space import Rss
from costmodel.mm.pte import CONT, CONT_PTES, DIRTY, PRESENT, TABLE_PTES, WRITE, YOUNG
from costmodel.operations.fork.batching import (
    Batching,
    contpte_v6_9,
    contpte_v6_12,
    contpte_v7_2,
    copy_batch,
    copy_batched,
    copy_block_batched,
    v6_9,
    v6_12,
    v7_2,
)
from costmodel.operations.fork.loop import (
    COPIED,
    Progress,
    copy_pinned,
    copy_single,
    copy_unusual,
    entry_at,
    get_and_map,
    is_pinned,
    new_table,
    protect,
    read,
    set_child,
)
from costmodel.operations.fork.mm import ForkOperation, TablePair
from costmodel.operations.fork.per_pte import copy_per_pte, copy_unbatched
from costmodel.operations.fork.pmd import copy_pmd, copy_pmds
from costmodel.operations.shared.contpte import (
    convert,
    gathered,
    protect_one_by_one,
    unfold_partial,
)
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import scan
from costmodel.operations.shared.what_if import after, before, dropping, without
from costmodel.strategies.origin import built_on

__all__ = [
    "CONT",
    "CONT_PTES",
    "COPIED",
    "DIRTY",
    "KNOWN",
    "PRESENT",
    "TABLE_PTES",
    "WRITE",
    "YOUNG",
    "Batching",
    "Counted",
    "Entry",
    "ForkOperation",
    "Kind",
    "Progress",
    "Rss",
    "Step",
    "Steps",
    "Subkind",
    "TablePair",
    "Target",
    "Trait",
    "Uop",
    "Value",
    "after",
    "alu",
    "before",
    "branch",
    "built_on",
    "call",
    "contpte_v6_9",
    "contpte_v6_12",
    "contpte_v7_2",
    "convert",
    "copy_batch",
    "copy_batched",
    "copy_block_batched",
    "copy_per_pte",
    "copy_pinned",
    "copy_pmd",
    "copy_pmds",
    "copy_single",
    "copy_unbatched",
    "copy_unusual",
    "dmb",
    "dropping",
    "dsb",
    "entry_at",
    "gathered",
    "get_and_map",
    "is_pinned",
    "isb",
    "load",
    "new_table",
    "prefetch",
    "protect",
    "protect_one_by_one",
    "read",
    "ret",
    "rmw",
    "scan",
    "set_child",
    "store",
    "tlbi",
    "unfold_partial",
    "v6_9",
    "v6_12",
    "v7_2",
    "without",
]


if not TYPE_CHECKING:  # a type checker refuses the old name

    def __getattr__(name: str) -> object:
        if name != "Flavour":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings.warn("'Flavour' is now called 'Subkind'", FutureWarning, stacklevel=2)
        return Subkind
