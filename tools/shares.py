"""How many shares of CPI stacks say what a lower price saves.

    python -m tools.shares [MACHINE ...] [--orders 0 9] [--memory 16MiB]

Of each machine, the forks, unmaps and mprotects of batching kernels are priced with folios of each
order. A share counts where it is above a tenth of the time and belongs to a price. It is good where
that price, a tenth lower, saves between half and one and a half of what the share says. The last
line counts; a line before it is a share that is not good, with what is saved of what it says.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from costmodel import api
from costmodel.config.resources import names
from costmodel.explaining.savings import Saving, savings_of

OPERATIONS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "fork": ("folio-batch-v6.9", {"operation": "fork", "state": "writable"}),
    "munmap": (
        "folio-batch-v6.9",
        {"operation": "zap", "state": "munmap", "frames": "scattered"},
    ),
    "mprotect": ("v6.12", {"operation": "mprotect"}),
}
"""The strategy of each operation, and what it runs on."""


@dataclass(frozen=True)
class Share:
    """A share of a stack that belongs to a price, and where it was found."""

    machine: str
    operation: str
    order: int
    saving: Saving

    def __str__(self) -> str:
        """Return it as a line."""
        said, saved = self.saving.said_pct, self.saving.saved_pct
        of_it = "no such machine" if saved is None else f"saves {saved / said:.1f} of it"
        where = f"{self.operation} order {self.order}, {self.machine}"
        return f"{where}: {self.saving.cause} {said / 10:.2f}, {of_it}"


def shares(machine: str, orders: list[int], memory: str) -> Iterator[Share]:
    """Yield the shares of a machine that belong to a price."""
    for operation, (strategy, workload) in OPERATIONS.items():
        for order in orders:
            priced = api.price(machine, strategy, order=order, memory=memory, **workload)
            for saving in savings_of(priced):
                yield Share(machine, operation, order, saving)


def main() -> None:
    """Print the shares that are not good, and how many are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help="default: all")
    parser.add_argument("--orders", type=int, nargs="+", default=[0, 9], metavar="N")
    parser.add_argument("--memory", default="16 MiB", metavar="SIZE")
    args = parser.parse_args()
    found: list[Share] = []
    for name in args.machines or names("machines"):
        for share in shares(name, args.orders, args.memory):
            found.append(share)
            if not share.saving.agrees:
                print(share, flush=True)
    good = sum(share.saving.agrees for share in found)
    print(f"{good} of {len(found)} shares are good")


if __name__ == "__main__":
    main()
