"""Makes the traces of an unmap: of unmapping each distinct page table, and of releasing its pages.

These are separate traces, because the gather list is released when it is full or the operation
ends, many page tables after the first of its pages was unmapped.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from typing import Final, NamedTuple

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.library import (
    BUILD_MARK,
    FILE_MARK,
    builds_of,
    layouts_of,
    load_library,
    source_of,
)
from costmodel.code.record import Record, recorder_of
from costmodel.code.trace import TableRun, Trace, later
from costmodel.code.uops import Uop
from costmodel.code.yields import Vocabulary, Yields, exhausted
from costmodel.disk_cache import kept, kept_on_disk
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.operations.shared.entry import Steps
from costmodel.operations.shared.holes import EmptyEntries
from costmodel.operations.shared.pmd import pmd_program, with_pmds
from costmodel.operations.shared.strategy import Function, Strategy
from costmodel.operations.shared.trace import step_before
from costmodel.operations.zap.catalogue import FOLIOS, STRATEGIES
from costmodel.operations.zap.gather import (
    CACHED_ORDERS,
    LARGEST_SMALL_ORDER,
    LIST_PAGES,
    MAX_SLOTS,
    PageLists,
)
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.operation import (
    DONTNEED,
    EXIT,
    FILE_DONTNEED,
    FILE_MUNMAP,
    MUNMAP,
    SHARED_DONTNEED,
    SHARED_MUNMAP,
    keeps_tables,
    of_file,
)
from costmodel.operations.zap.ranges import RangeState
from costmodel.operations.zap.release import flush_and_release
from costmodel.operations.zap.reuse import Lists, lie_apart, with_buddies, with_reuse
from costmodel.recorder.build_archive import FREED_BEFORE, RELEASE, load_archive
from costmodel.user_code.blame import StrategyError


@dataclass(frozen=True)
class _Traced:
    """The traces of unmapping a table and of releasing its pages, which take ``slots`` slots.

    ``release`` is None where nobody asked for it; ``released`` says what it depends on. The loop
    itself flushes and releases ``flushes`` times.
    """

    unmap: Trace
    release: Trace | None
    slots: int
    flushes: int
    released: Hashable = None


def zap_runs(
    strategy: Strategy, program: str, isa: str, space: ShapedSpace
) -> tuple[TableRun, ...]:
    """Return the traces of unmapping each distinct table, then of releasing its pages."""
    programs, alone = _releases_of(strategy, program)
    how = _Releasing(_in_build_of(program, programs[isa]), frees_large_alone=alone)
    make = partial(_runs, strategy, program, how, space)
    return kept(("unmap", strategy, program, how, space), make)


class _Releasing(NamedTuple):
    """By which program a list is released, and whether its kernel frees large folios singly."""

    program: str
    frees_large_alone: bool


def _releases_of(strategy: Strategy, program: str) -> tuple[Mapping[str, str], bool]:
    """Return what the kernel releases with, and whether it frees large folios singly.

    A user's function has those of the kernel on whose steps it runs: of the newest, because the
    steps of v6.12 stand for older ones, too.
    """
    if strategy.release_programs:
        return strategy.release_programs, strategy.frees_large_alone
    for known in reversed(STRATEGIES):
        own = (*known.programs.values(), *known.range_programs.values())
        if source_of(program) in map(source_of, own):
            return known.release_programs, known.frees_large_alone
    return FOLIOS, False


def _runs(
    strategy: Strategy, program: str, releasing: _Releasing, space: ShapedSpace
) -> tuple[TableRun, ...]:
    """Return the traces, those of unmaps first.

    Released pages were unmapped up to a full gather list before; with one call per page, each is
    released at once. A loop that flushes by itself, as kernels do at the end of each table of dirty
    pages of files, releases what it has gathered until then. An archive whose steps do not hold its
    release adds that itself.
    """
    path = strategy.archive
    by_steps = path is None or load_archive(path).releases_by_steps
    both = _tables(strategy, program, releasing, space, releases=by_steps)
    unmaps = [TableRun(table.unmap, shape.count, shape.ptes) for shape, table in both]
    releases = (TableRun(t.release, shape.count, 0) for shape, t in both if t.release is not None)
    return (*unmaps, *with_reuse(unmaps, releases, _lists(both, space)))


def _tables(
    strategy: Strategy, program: str, releasing: _Releasing, space: ShapedSpace, *, releases: bool
) -> list[tuple[TableShape, _Traced]]:
    # The page that a small list begins was recorded of the booted kernels alone.
    begun = space.pages > MAX_SLOTS or strategy.archive or BUILD_MARK in program
    how = (LIST_PAGES if begun else 0), releases
    return [
        (shape, _trace(strategy, (program, _of_pages(releasing, shape)), _one(shape), *how))
        for shape in space.shapes
    ]


def _lists(both: Sequence[tuple[TableShape, _Traced]], space: ShapedSpace) -> Lists:
    """Return the lists that are released: those that the loop flushes by itself, else full ones.

    A call that frees no tables flushes no more behind a loop that has flushed all by itself.
    """
    flushes = sum(shape.count * table.flushes for shape, table in both)
    slots = sum(shape.count * table.slots for shape, table in both)
    if not flushes:
        return Lists.of(slots, space.pages)
    of_call = keeps_tables(space.shapes[0].state) and not slots
    return Lists(flushes, flushes - of_call, -(-space.pages // flushes))


def _one(shape: TableShape) -> TableShape:
    """Return a single table of a shape; munmap() stands for MADV_DONTNEED over a range."""
    return replace(shape, count=1, state=_UNMAPS_AS.get(shape.state, shape.state))


_UNMAPS_AS: Final = {
    DONTNEED: MUNMAP, SHARED_DONTNEED: SHARED_MUNMAP, FILE_DONTNEED: FILE_MUNMAP
}  # fmt: skip


def _of_pages(releasing: _Releasing, shape: TableShape) -> _Releasing:
    """Return how the pages of a table are released.

    A list of order-0 pages is the same in every kernel that was booted, so one recording serves
    all. Otherwise two strategies could differ by what the free lists happened to hold when they
    were recorded.
    """
    if any(shape.orders):
        return releasing
    program = releasing.program
    booted = BUILD_MARK not in program
    return _Releasing(f"v6.7.{program.rpartition('.')[2]}" if booted else program, False)


_RELEASES_ALL: Final = "v6.12.117"
"""The variant of which builds release lists of pages as well as of folios; the others are built in
its source, whose release is the same."""


def _in_build_of(program: str, release: str) -> str:
    """Return the program of a release in the build of another one, where it was recorded of it.

    An archive of a user's build holds its own release.
    """
    if program.startswith(FILE_MARK):
        return program
    build = _build_of(program)
    name, _, place = release.rpartition(".")
    for variant in (name.partition(BUILD_MARK)[0], _RELEASES_ALL) if build else ():
        built = f"{variant}{BUILD_MARK}{build}.{place}"
        known = build in builds_of("zap", f"{variant}.{place}")
        if known and f"order0{RELEASE}" in layouts_of("zap", built):
            return built
    return release


def _build_of(program: str) -> str:
    """Return the build in the name of a program; empty for the kernels that were booted."""
    return program.rpartition(".")[0].partition(BUILD_MARK)[2]


_Programs = tuple[str, _Releasing]
"""The program of the loop, and how what it gathers is released."""


def _trace(
    strategy: Strategy, programs: _Programs, shape: TableShape, pages: int, releases: bool
) -> _Traced:
    """Return the traces of one table; ``pages``: how many pages the gather list has already."""
    made = _later(strategy, programs, shape, pages) if releases else None
    return _now(strategy, programs, shape, pages, releases) if made is None else made


@lru_cache(maxsize=256)
def _later(
    strategy: Strategy, programs: _Programs, shape: TableShape, pages: int
) -> _Traced | None:
    """Return the traces of a strategy that is shipped, made when needed; None for others."""
    source = strategy.shipped_source
    if source is None:
        return None
    now = partial(_now, strategy, programs, shape, pages, releases=True)

    def gathered() -> tuple[int, int, str]:
        made = now()
        return made.slots, made.flushes, sha256(repr(made.released).encode()).hexdigest()

    def release() -> Trace:
        made = now().release
        assert made is not None
        return made

    said = "unmap", source, strategy.contpte, programs, shape, pages
    unmap = later(said, lambda: now().unmap)
    slots, flushes, released = kept_on_disk((unmap.token, "gathered"), gathered)
    return _Traced(unmap, later(("release", released), release), slots, flushes, released)


def _now(
    strategy: Strategy, programs: _Programs, shape: TableShape, pages: int, releases: bool
) -> _Traced:
    how = strategy, programs, shape, pages, releases
    return kept(("zap", *how), partial(_traced, *how))


def _traced(
    strategy: Strategy, programs: _Programs, shape: TableShape, pages: int, releases: bool
) -> _Traced:
    if shape.pmd:
        programs = pmd_program(programs[0]), programs[1]
    program, releasing = programs
    recorders = recorder_of("zap", program), recorder_of("zap", releasing.program)
    vocabularies = recorders[0].vocabulary, recorders[1].vocabulary
    arguments = shape, strategy.contpte, pages, vocabularies, releasing.frees_large_alone
    try:
        walked = strategy.evaluate(Walk, *arguments)
        record = recorders[0].recorded(walked.unmapped)
        unmap = build(record, load_library("zap", program), "zap", "unmap")
        if not releases:
            return _Traced(unmap, None, walked.slots, walked.flushes)

        def make() -> Trace:
            return _release(recorders[1].recorded(walked.released()), releasing.program, shape)

        # Most strategies fill the list alike: what they release is traced once.
        key = "release", releasing.program, shape.orders, shape.first_pfns, _end_of_batch(shape)
        released = (*key, walked.gathered, walked.flushes)
        release = kept(released, make)
        return _Traced(unmap, release, walked.slots, walked.flushes, released)
    except StrategyError as error:
        raise strategy.blamed(error) from error


class Walk:
    """What a strategy's function yields for unmapping a table, and for releasing its pages."""

    def __init__(
        self,
        function: Function,
        shape: TableShape,
        contpte: bool,
        list_pages: int,
        vocabularies: tuple[Vocabulary, Vocabulary],
        frees_large_alone: bool,
    ) -> None:
        """Unmap the table."""
        memory = shape.build()
        zap = ZapOperation.begin(memory, contpte=contpte, list_pages=list_pages)
        empty = EmptyEntries("zap", vocabularies[0].isa)
        zap.skip = empty.skip
        zap.frees_large_alone = frees_large_alone
        released: list[Step | Uop] = []
        zap.page_lists = _full_lists(memory)
        self.flushes = self.slots = 0
        if isinstance(shape.state, RangeState):
            ranges = partial(_by_ranges, function, shape, released)
            unmapping = empty.all_of(shape.empty_slots, ranges, zap)
        else:
            zap.released = released
            whole = partial(empty.all_of, shape.empty_slots, function)
            unmapping = self._whole(partial(with_pmds, "zap", whole), zap)
        before = step_before(_end_of_table(shape))
        self.unmapped = exhausted(unmapping, before, vocabularies[0])
        self.gathered: Hashable = (tuple(released), _gathered(zap))
        """What decides how the list is released: all but the function that filled it."""

        def release() -> Yields:
            zap.released = None
            rest = [*released, *flush_and_release(zap)]
            return exhausted(rest, step_before(_end_of_batch(shape)), vocabularies[1])

        self._release = release
        self._released: Yields | None = None

    def _whole(self, function: Function, zap: ZapOperation) -> Steps:
        """Unmap the table; mappings that still wait for a flush have that of the call."""
        yield from function(zap)
        self.flushes, self.slots = zap.flushes, zap.list.slots_used
        if zap.delayed:
            yield from flush_and_release(zap)

    def released(self) -> Yields:
        """Return what is yielded for the release, which happens when this is called."""
        if self._released is None:
            self._released = self._release()
        return self._released

    def __getstate__(self) -> dict[str, object]:
        """Return what was yielded, without the page tables, to be sent to another process."""
        return {**vars(self), "_release": None, "_released": self.released()}


def _gathered(zap: ZapOperation) -> Hashable:
    entries = tuple((g.folio.first_pfn, g.references, g.page) for g in zap.list.entries)
    folios = {g.folio.first_pfn: g.folio for g in zap.list.entries}.values()
    counts = tuple(
        (folio.order, folio.refcount, folio.entire_mapcount, *folio.mapcount) for folio in folios
    )
    return entries, counts, zap.frees_large_alone


def _by_ranges(
    function: Function, shape: TableShape, released: list[Step | Uop], zap: ZapOperation
) -> Steps:
    """Unmap range by range; what a call or a range releases at its end is added to ``released``.

    A call that reaches beyond the table ends with the table.
    """
    state = shape.state
    assert isinstance(state, RangeState)
    starts = range(0, shape.ptes, state.pages)
    for number, first in enumerate(starts, 1):
        zap.limit(range(first, min(first + state.pages, shape.ptes)))
        yield from function(zap)
        if state.flushes_each or number % state.per_call == 0 or number == len(starts):
            released.extend(flush_and_release(zap))


def _full_lists(memory: Memory) -> PageLists:
    """Return the per-CPU lists in the middle of a large unmap: full of pages like these."""
    folios = (Folio(f.order, f.first_pfn + FREED_BEFORE) for f in memory.frames)
    return PageLists(folios)


def _release(record: Record, program: str, shape: TableShape) -> Trace:
    library = load_library("zap", program)
    trace = build(record, library, "zap", "release")
    return with_buddies(trace, library) if lie_apart(shape) else trace


def _end_of_table(shape: TableShape) -> str:
    """Return the event that a table before the first one would have ended with."""
    return "unmap" if shape.state.shared else "slot"


def _end_of_batch(shape: TableShape) -> str:
    """Return the event that a batch before the first one would have ended with."""
    if shape.state == EXIT or of_file(shape.state.name):
        return "put"
    if min(shape.orders) <= LARGEST_SMALL_ORDER:
        return "buddy"
    return "commit" if max(shape.orders) in CACHED_ORDERS else "prepare"
