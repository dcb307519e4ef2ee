"""All experiments that ``costmodel measure`` runs for the numbers of a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from costmodel.measure.experiment import Experiment
from costmodel.measure.kernels import Isa
from costmodel.measure.kernels.loop_body import LINES, LoopBody, Operations
from costmodel.units import KIB, MIB

UNROLLED = 8
"""How often the hand-written kernels repeat what they time."""
TLB_STEP = 4096
IN_HUGE_PAGES = "1024 steps in huge pages"

PATTERN_SIZES = (16 * KIB, 256 * KIB, 2 * MIB, 16 * MIB, 64 * MIB)
PATTERNS = tuple(
    f"{order} {what}" for order in ("random", "stream of") for what in ("loads", "updates", "locks")
)
"""Kernels that touch each line once: an update is a load, an addition and a store."""

BRANCH_ADDITIONS = 4
"""The additions before each branch of these two kernels, whose times are per branch."""
BRANCHES_BEHIND: Mapping[tuple[tuple[str, int, str], ...], str] = {
    (("load", 1, "independent"),): "additions, load, branch",
    (): "additions, branch",
}
"""The load keeps a branch from fusing with the addition before it."""

JUMPS = (8, 16, 32, 48, 64, 96, 128, 192, 256)
"""How many jumps to the next line are in a loop, whose own branch is one more: the more there are,
the more others are taken before each is taken again."""

IN_FLIGHT: Mapping[str, range] = {
    "no-operations": range(112, 1100),
    "stores": range(30, 160),
    "additions": range(64, 520),
    "jumps": range(24, 260),
    "calls": range(6, 70),
}
"""How many of what stands between two misses, to see until when the misses overlap."""
_STEP = 1.14
"""The next number is larger by this factor."""


@dataclass(frozen=True)
class Plan:
    """How much is run, and on how much memory."""

    l1_bytes: int = 32 * KIB
    """The sizes are those that the system states; these defaults are usual ones."""
    l2_bytes: int = 1 * MIB
    memory_bytes: int = 512 * MIB
    """The largest region."""
    page_bytes: int = 4096
    quick: bool = False
    """Whether only a few sizes of memory are measured."""
    rounds: int = 8
    """How often every small experiment is visited."""
    samples: int = 50
    """Samples of one visit."""

    @property
    def far_rounds(self) -> set[int]:
        """The rounds in which experiments with large memory run; it takes long to prepare."""
        return {0, self.rounds // 2}

    def private_sizes(self) -> list[int]:
        """Sizes around the L1 and the L2, in whole lines."""
        steps = (0.5, 1, 1.5) if self.quick else (0.5, 0.75, 0.875, 1, 1.25, 1.5, 2)
        levels = (self.l1_bytes, self.l2_bytes)
        sizes = {int(level * step) & ~63 for level in levels for step in steps}
        return sorted(sizes | {self.l2_size})

    @property
    def l2_size(self) -> int:
        """A size that the L2 surely holds and the L1 surely does not, in 64 small pages."""
        return max(min(self.l2_bytes // 2, 256 * KIB), 2 * self.l1_bytes)

    def shared_sizes(self) -> list[int]:
        """Sizes beyond the L2, in powers of two up to the largest region."""
        sizes = []
        size = 1 << (3 * self.l2_bytes - 1).bit_length()
        while size < self.memory_bytes:
            sizes.append(size)
            size *= 8 if self.quick else 2
        return [*sizes, self.memory_bytes]

    def tlb_pages(self) -> list[int]:
        """Return numbers of pages around what data TLBs hold; none where pages are larger."""
        if self.page_bytes != TLB_STEP:
            return []
        if self.quick:
            return [32, 256, 8192]
        return [32, 48, 64, 72, 96, 128, 256, 1024, 1536, 2048, 3072, 4096, 6144, 8192]


def loop(isa: Isa, name: str, operations: Operations, units: float, repeat: int = 1) -> Experiment:
    """Return a loop as an experiment."""
    text = LoopBody(isa.INSTRUCTIONS).text(operations, repeat)
    return Experiment(name, text, units=units)


def core(isa: Isa) -> Iterator[Experiment]:
    """Yield what needs no memory beyond the L1."""
    yield Experiment("nops", isa.KERNELS["nops"], units=128)
    yield loop(isa, "adds", [("add", 120, "independent")], 120)
    yield loop(isa, "loads", [("load", 48, "independent")], 48)
    yield loop(isa, "stores", [("store", 48, "same-line")], 48)
    yield loop(isa, "stores to lines", [("store", 12, "new-line")], 12)
    mixed = [("load", 2, "independent"), ("store", 1, "same-line")]
    yield loop(isa, "two loads, one store", mixed, 72, repeat=24)
    mixed = [("load", 1, "independent"), ("store", 1, "same-line")]
    yield loop(isa, "one load, one store", mixed, 64, repeat=32)
    mixed = [("add", 4, "independent"), ("load", 2, "independent"), ("immediate", 1, "independent")]
    mixed += [("store", 1, "same-line")]
    yield loop(isa, "a mix", mixed, 8 * 16 + 3, repeat=16)
    yield loop(isa, "branches", [("branch", 48, "independent")], 48)
    for number in JUMPS:
        yield loop(isa, f"{number} jumps", [("jump", number, "independent")], number + 1)
    for behind, name in BRANCHES_BEHIND.items():
        group = [("add", BRANCH_ADDITIONS, "independent"), *behind, ("branch", 1, "independent")]
        yield loop(isa, name, group, 16, repeat=16)
    yield loop(isa, "multiplication chain", [("mul", 24, "chain")], 24)
    yield loop(isa, "multiplications", [("mul", 48, "independent")], 48)
    yield loop(isa, "moves", [("move", 47, "chain"), ("add", 1, "chain")], 48)
    for kind in ("immediate", "zero"):
        mixed = [("add", 1, "independent"), (kind, 1, "independent")]
        yield loop(isa, f"adds and {kind}s", mixed, 96, repeat=48)
    yield loop(isa, "constants", [("immediate", 96, "independent")], 96)
    yield loop(isa, "zeros", [("zero", 96, "independent")], 96)
    yield Experiment("mispredict", isa.KERNELS["mispredict"], units=64, choice=-1)
    yield Experiment("predicted", isa.KERNELS["mispredict"], units=64, choice=0)
    for length in (8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024):
        yield Experiment(f"history {length}", isa.KERNELS["history"], choice=length)
    for name in ("compare and branch", "compare, branch apart"):
        yield Experiment(name, isa.KERNELS[name], units=8)
    for name, text in isa.KERNELS.items():
        if name.startswith(("forward", "call", "indirect", "retpoline")):
            yield Experiment(name, text, units=UNROLLED)


def is_history(experiment: Experiment) -> bool:
    """Tell loops whose time depends on what the branch predictor has seen before."""
    return experiment.name.startswith("history ")


def atomics(isa: Isa) -> Iterator[Experiment]:
    """Yield atomics on lines of the L1, and barriers."""
    yield loop(isa, "lock", [("lock", 4, "same-line")], 4)
    yield loop(isa, "lock, lines", [("lock", 8, "new-line")], 8)
    for adds in (10, 20, 40, 80):
        around = [("lock", 1, "new-line"), ("add", adds, "independent")]
        yield loop(isa, f"lock + {adds} adds", around, 4, repeat=4)
    for loads in (4, 16):
        around = [("lock", 1, "new-line"), ("load", loads, "independent")]
        yield loop(isa, f"lock + {loads} loads", around, 4, repeat=4)
    for stores in (1, 4):
        around = [("lock", 1, "new-line"), ("store", stores, "same-line")]
        yield loop(isa, f"lock + {stores} stores", around, 4, repeat=4)
    chained = [("lock", 1, "new-line"), ("load", 4, "chain")]
    yield loop(isa, "lock + load chain of 4", chained, 1)
    chained = [("lock", 1, "new-line"), ("add", 20, "chain")]
    yield loop(isa, "lock + add chain of 20", chained, 1)
    for name, text in isa.KERNELS.items():
        words = ("barrier", "fence", "exchange", "compare and swap", "pause")
        if any(word in name for word in words):
            yield Experiment(name, text, units=4)


def private_caches(isa: Isa, plan: Plan) -> Iterator[Experiment]:
    """Yield rings of pointers in the L1, the L2 and a little beyond; TLBs."""
    for size in plan.private_sizes():
        name = f"chase {size}"
        yield Experiment(name, isa.KERNELS["chase"], units=8, region_bytes=size, ring_step=64)
    for pages in plan.tlb_pages():
        yield Experiment(
            f"pages {pages}",
            isa.KERNELS["chase"],
            units=8,
            region_bytes=pages * TLB_STEP,
            pages="small",
            ring_step=TLB_STEP,
        )
    if plan.tlb_pages():
        # Two huge pages: one translation each, unless what is below a guest has smaller pages.
        yield Experiment(
            IN_HUGE_PAGES,
            isa.KERNELS["chase"],
            units=8,
            region_bytes=1024 * TLB_STEP,
            pages="huge alone",
            ring_step=TLB_STEP,
        )
    yield _lines(isa, "clear pages", 128 * KIB, "clear, L2")
    for kernel in ("lines read", "lines changed"):
        yield _lines(isa, kernel, 1 << (plan.l2_size.bit_length() - 1), kernel)


def near(isa: Isa, plan: Plan) -> Iterator[Experiment]:
    """Yield what runs on the smallest memory that the L2 does not hold."""
    yield from _rings(isa, plan.shared_sizes()[:1])
    yield from _walks(isa, plan.shared_sizes()[:1])


def far(isa: Isa, plan: Plan) -> Iterator[Experiment]:
    """Yield what runs on all larger memory, which takes long to prepare."""
    sizes = plan.shared_sizes()[1:]
    yield from _rings(isa, sizes)
    if sizes and not plan.quick:
        yield from between_misses(isa, sizes[-1])
    yield from _walks(isa, sizes)


def counts(what: str) -> list[int]:
    """Return how many of something are put between two misses, in ascending order."""
    found = [IN_FLIGHT[what].start]
    while found[-1] * _STEP < IN_FLIGHT[what].stop:
        found.append(max(found[-1] + 1, round(found[-1] * _STEP)))
    return found


def between_misses(isa: Isa, size: int) -> Iterator[Experiment]:
    """Yield two chains through memory, on the ring that the largest one has just used."""
    for what, one in isa.BETWEEN_MISSES.items():
        for count in counts(what):
            yield Experiment(
                f"{count} {what} between misses",
                isa.misses("\n".join([one] * count)),
                region_bytes=size,
                ring_step=64,
                mask=size // 2,
                sample_ns=40_000,
                warm_bytes=1 << 14,
            )


def _rings(isa: Isa, sizes: list[int]) -> Iterator[Experiment]:
    for size in sizes:
        yield Experiment(
            f"chase {size}",
            isa.KERNELS["chase"],
            units=8,
            region_bytes=size,
            ring_step=64,
            sample_ns=40_000,
        )


def _walks(isa: Isa, sizes: list[int]) -> Iterator[Experiment]:
    for size in sizes[-1:]:
        for kernel in ("random loads", "stream of loads", "clear pages"):
            yield _lines(isa, kernel, size, f"{kernel} {size}")


def patterns(isa: Isa, plan: Plan) -> Iterator[Experiment]:
    """Yield ways to go over lines of memory, on sizes that lie in one level after the other."""
    sizes = [] if plan.quick else PATTERN_SIZES
    for size in sizes:
        for kernel in PATTERNS:
            yield _lines(isa, kernel, size, f"{kernel} {size}")


def _lines(isa: Isa, kernel: str, size: int, name: str) -> Experiment:
    """Return a kernel that walks a power of two of memory, by lines, bytes or pages."""
    masks = {"random": size // 64 - 1, "clear": (size - 1) & ~4095}
    first = kernel.split(maxsplit=1)[0]
    mask = masks.get(first, size - 1)
    units = {"clear": 4096, "lines": LINES}.get(first, 1)
    return Experiment(
        name, isa.KERNELS[kernel], units=units, region_bytes=size, mask=mask, sample_ns=40_000
    )
