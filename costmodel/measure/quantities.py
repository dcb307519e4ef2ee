"""What the samples say about the numbers of a machine file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costmodel.measure.experiment import MIB, Estimate, Results
from costmodel.measure.suite import Plan

HALF = 0.5
_SLOWER = 2.2
_NEAR = 1.3
"""How far a knee may lie from the size that the system states: lines of a physically addressed
cache do not fill its sets evenly."""


@dataclass(frozen=True)
class Number:
    """A number of a machine file as it was measured; choices have no interval."""

    key: str
    value: float | bool
    low: float
    high: float
    how: str
    """From what, for the file's ``source``."""

    @classmethod
    def choice(cls, key: str, value: bool, how: str) -> Number:
        """Return a property that is yes or no."""
        return cls(key, value, value, value, how)

    @classmethod
    def of(cls, key: str, estimate: Estimate, how: str) -> Number:
        """Return a time."""
        return cls(key, estimate.value, estimate.low, estimate.high, how)

    @classmethod
    def rate(cls, key: str, estimate: Estimate, how: str) -> Number:
        """Return how many a cycle, from the cycles of one."""
        return cls(key, 1 / estimate.value, 1 / estimate.high, 1 / estimate.low, how)


class Reader:
    """Looks up what was measured; each reading of a number is a method that yields it."""

    def __init__(self, results: Results, plan: Plan, isa: str) -> None:
        """Keep what was measured and how."""
        self._results = results
        self._plan = plan
        self._isa = isa

    def has(self, *names: str) -> bool:
        """Tell whether all of these experiments gave samples."""
        return all(name in self._results and self._results[name].cycles for name in names)

    def cycles(self, name: str) -> Estimate:
        """Return an experiment in cycles."""
        return self._results[name].estimate("cycles")

    def ns(self, name: str) -> Estimate:
        """Return an experiment in nanoseconds."""
        return self._results[name].estimate("ns")

    def numbers(self) -> Iterator[Number]:
        """Yield every number that the experiments give."""
        yield from self._rates()
        yield from self._core_times()
        yield from self._choices()
        yield from self._private_caches()
        yield from self._beyond()
        yield from self._translations()
        yield from self._x86() if self._isa == "x86_64" else self._arm()

    def _rates(self) -> Iterator[Number]:
        for key, name, how in (
            ("core.width", "nops", "NOPs in a row"),
            ("core.alu_ports", "adds", "independent additions"),
            ("core.load_ports", "loads", "loads of the L1"),
            ("core.store_ports", "stores", "stores to the L1"),
            ("core.branch_ports", "branches", "branches not taken"),
            ("core.taken_branches_per_cycle", "jumps", "jumps to the next line"),
            ("core.mul_ports", "multiplications", "independent multiplications"),
        ):
            if self.has(name):
                yield Number.rate(key, self.cycles(name), how)
        mixes = ("two loads, one store", "one load, one store", "loads")
        if self.has(*mixes):
            best = min((self.cycles(name) for name in mixes), key=lambda each: each.value)
            yield Number.rate("core.address_units", best, "loads and stores mixed")
        if self.has("stores"):
            yield Number.of("core.store_commit_cycles", self.cycles("stores"), "stores in a row")

    def _core_times(self) -> Iterator[Number]:
        if self.has("multiplication chain"):
            chain = self.cycles("multiplication chain")
            yield Number.of("core.mul_latency_cycles", chain, "a chain of multiplications")
        yield from self._forwarding()
        if self.has("mispredict", "predicted"):
            random, known = self.cycles("mispredict"), self.cycles("predicted")
            # Half of the random branches are mispredicted; one cycle is the shift before it.
            found = [2 * (each - known.value) - 1 for each in (random.value, random.low, random.high)]
            how = "branches on random bits, less the same on constant ones"
            yield Number("core.mispredict_penalty_cycles", found[0], found[1] - 2, found[2] + 2, how)
        lengths = sorted(
            int(name.split()[1]) for name in self._results if name.startswith("history ")
        )
        known_exits = [n for n in lengths if self.has(f"history {n}") and self._exit_known(n)]
        if known_exits:
            longest = known_exits[-1]
            high = next((n for n in lengths if n > longest), 4096)
            how = "loops of a constant length whose exit costs nothing"
            yield Number("core.branch_history_length", longest, longest, high, how)
        if self.has("call and return", "jumps"):
            pair, jump = self.cycles("call and return"), self.cycles("jumps")
            each = pair.scaled(HALF, jump.value)
            yield Number.of("core.call_return_cycles", _not_negative(each), "calls of an empty function")

    def _forwarding(self) -> Iterator[Number]:
        bases = ("forward any base", "forward two bases", "forward stack")
        found = [self.cycles(name) for name in bases if self.has(name)]
        if found:
            # The addition of one cycle between load and store is not part of it.
            times = [each.scaled(1, 1.0) for each in found]
            usual = times[min(1, len(times) - 1)]
            low = max(0.0, min(each.low for each in times))
            high = max(each.high for each in times)
            how = "load, add, store of one address; " + ", ".join(
                f"{name.removeprefix('forward ')} {each.value:.2f}"
                for name, each in zip(bases, times, strict=False)
            )
            yield Number("core.store_forward_cycles", max(0.0, usual.value), low, high, how)

    def _exit_known(self, length: int) -> bool:
        return self.cycles(f"history {length}").value < length + 5

    def _choices(self) -> Iterator[Number]:
        if self.has("moves", "adds"):
            gone = self.cycles("moves").value < HALF
            yield Number.choice("core.eliminates_moves", gone, "a chain of 47 moves")
        for key, kind in (("immediates", "immediate"), ("zero_idioms", "zero")):
            name = f"adds and {kind}s"
            if self.has(name, "adds"):
                gone = self.cycles(name).value < 0.87 * self.cycles("adds").value
                how = f"additions with as many {kind}s between"
                yield Number.choice(f"core.eliminates_{key}", gone, how)
        if self.has("compare and branch", "compare, branch apart"):
            near, apart = (self.cycles(f"compare{rest}").value for rest in (" and branch", ", branch apart"))
            how = "compare and branch among additions, with and without a NOP between"
            yield Number.choice("core.fuses_compare_branch", near < 0.95 * apart, how)

    def _chases(self) -> dict[int, Estimate]:
        return {
            int(name.split()[1]): self.cycles(name)
            for name in self._results
            if name.startswith("chase ") and self.has(name)
        }

    def _private_caches(self) -> Iterator[Number]:
        plan, chases = self._plan, self._chases()
        first, second = chases.get(plan.l1_bytes // 2), chases.get(plan.l2_size)
        beyond = chases.get(plan.shared_sizes()[0])
        if not (first and second and beyond):
            return
        yield Number.of("caches.l1.latency_cycles", first, f"ring of {plan.l1_bytes // 2048} KiB")
        yield Number.of("caches.l2.latency_cycles", second, f"ring of {plan.l2_size // 1024} KiB")
        how = "the system's, where rings of pointers grow slower"
        for key, level, fast, slow in (
            ("caches.l1.size_bytes", plan.l1_bytes, first, second),
            ("caches.l2.size_bytes", plan.l2_bytes, second, beyond),
        ):
            low, high = _knee({size: c.value for size, c in chases.items()}, fast.value, slow.value)
            if low / _NEAR <= level <= high * _NEAR:
                yield Number(key, level, min(low, level), max(high, level), how)
            else:
                yield Number(key, low, low, high, "the last ring of pointers that is fast")

    def _beyond(self) -> Iterator[Number]:
        shared, memory = self._plan.shared_sizes()[0], self._plan.memory_bytes
        if not self.has(f"chase {shared}", f"chase {memory}") or shared == memory:
            return
        near, far = (self.ns(f"chase {size}").doubted() for size in (shared, memory))
        yield Number.of("caches.llc.latency_ns", near, f"ring of {shared >> 20} MiB")
        yield Number.of("caches.dram.latency_ns", far, f"ring of {memory >> 20} MiB")
        curve = {size: c.value for size, c in self._chases().items() if size >= shared}
        cycles = [self.cycles(f"chase {size}").value for size in (shared, memory)]
        low, high = _knee(curve, cycles[0], cycles[1])
        how = "where half of the loads of a ring miss: a guest has a share of it"
        middle = round((low * high) ** 0.5 / MIB) * MIB
        yield Number("caches.llc.size_bytes", middle, low, high, how)
        if self.has(f"random loads {memory}"):
            apart = self.ns(f"random loads {memory}")
            yield Number.of("caches.dram.ns_per_line", apart, "random loads that depend on nothing")
            misses = [far.value / each for each in (apart.value, apart.high, apart.low)]
            how = "latency of memory over the time of an independent load"
            yield Number("caches.miss_registers", misses[0], 0.85 * misses[1], 1.15 * misses[2], how)
        if self.has(f"random loads {shared}"):
            apart = self.ns(f"random loads {shared}").doubted()
            yield Number.of("caches.llc.ns_per_line", apart, "random loads that depend on nothing")
        if self.has(f"stream of loads {memory}"):
            stream = self.ns(f"stream of loads {memory}")
            near_stream = self.ns(f"stream of loads {shared}").low
            low = min(stream.low, near_stream)
            how = f"ascending loads of {memory >> 20} MiB; low: of {shared >> 20} MiB"
            yield Number("caches.prefetch.ns_per_line", stream.value, low, stream.high, how)
        yield from self._clearing(shared, memory)

    def _clearing(self, shared: int, memory: int) -> Iterator[Number]:
        names = ("clear, L2", f"clear pages {shared}", f"clear pages {memory}")
        if self.has(*names):
            fast, usual, slow = (1 / self.ns(name).value for name in names)
            how = f"pages of {shared >> 20} MiB; low: {memory >> 20} MiB, high: in the L2"
            low, _, high = sorted((fast, usual, slow))
            yield Number("kernel.zero_bytes_per_ns", usual, low, high, how)

    def _translations(self) -> Iterator[Number]:
        counts = [pages for pages in self._plan.tlb_pages() if self.has(f"pages {pages}")]
        times = {pages: self.cycles(f"pages {pages}").value for pages in counts}
        if not {32, 256, 8192} <= set(times) or not self.has(f"chase {self._plan.l2_size}"):
            return
        first, second, walked = times[32], times[256], times[8192]
        how = "one load per small page"
        added = self.cycles("pages 256").scaled(1, first)
        if added.value > 1:
            yield Number.of("caches.dtlb.l2_latency_cycles", added, f"{how}: 256 pages less 32")
        l2 = self.cycles(f"chase {self._plan.l2_size}").value
        walk = (walked - l2 - max(added.value, 0)) / (self.cycles("pages 8192").value / self.ns("pages 8192").value)
        if walk > 0:
            note = f"{how}: 8192 pages less the L2 and the second level"
            yield Number("caches.dtlb.walk_ns", walk, 0.5 * walk, 2 * walk, note)
        if self._plan.quick:
            return
        low, high = _knee({n: t for n, t in times.items() if n <= 256}, first, second)
        yield Number("caches.dtlb.l1_entries", low, low, high, how)
        beyond = {n: t for n, t in times.items() if n >= 1024}
        low, high = _knee(beyond, min(beyond.values()), walked)
        yield Number("caches.dtlb.l2_entries", low, min(1024, low), high, how)

    def _x86(self) -> Iterator[Number]:
        names = ("lock", "lock, lines", "exchange add", "compare and swap")
        found = [self.cycles(name) for name in names if self.has(name)]
        if found:
            first = found[0]
            low, high = min(each.low for each in found), max(each.high for each in found)
            how = "lock add in a row; interval: other lines, xadd, cmpxchg"
            yield Number("atomics.locked_cycles", first.value, low, high, how)

    def _arm(self) -> Iterator[Number]:
        for key, name, how in (
            ("atomics.value_cycles", "exchange add", "a chain of ldadd"),
            ("atomics.cas_cycles", "compare and swap", "a chain of cas"),
            ("atomics.store_only_cycles", "lock", "stadd to one line"),
            ("atomics.line_change_cycles", "lock, lines", "stadd to one line after the other"),
            ("atomics.acquire_cycles", "exchange add, acquire", "a chain of ldadda"),
            ("barriers.dsb_cycles", "completion barrier", "dsb ish with nothing pending"),
            ("barriers.dmb_cycles", "full barrier", "dmb ish with nothing pending"),
            ("barriers.isb_cycles", "instruction barrier", "isb in a row"),
        ):
            if self.has(name):
                yield Number.of(key, self.cycles(name), how)


def _knee(times: dict[int, float], fast: float, slow: float) -> tuple[int, int]:
    """Return the last size before the first that is nearer to the slow level, and that first."""
    # The slow level may have been slower than it is: others use it too.
    middle = min((fast + slow) / 2, _SLOWER * fast)
    sizes = sorted(times)
    slower = [number for number, size in enumerate(sizes) if times[size] >= middle]
    first = slower[0] if slower else len(sizes) - 1
    return sizes[max(first - 1, 0)], sizes[first]


def _not_negative(estimate: Estimate) -> Estimate:
    numbers = (max(0.0, number) for number in (estimate.value, estimate.low, estimate.high))
    return Estimate(*numbers, samples=estimate.samples)
