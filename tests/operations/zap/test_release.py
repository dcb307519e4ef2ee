"""The release of gathered pages."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from costmodel.code.build import build
from costmodel.code.events import Context, Step, Trait
from costmodel.code.expand import REGION_SHIFT
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.uops import Target
from costmodel.mm.folio import Folio
from costmodel.mm.shapes import TableShape
from costmodel.operations.zap.gather import MAX_SLOTS, Gathered
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.operation import MUNMAP, OPERATION
from costmodel.operations.zap.per_pte import unmap_per_pte
from costmodel.operations.zap.recorded import find
from costmodel.operations.zap.release import batches, flush_and_release
from costmodel.recorder import load_program
from costmodel.units import LINE_BYTES


def unmapped(orders: tuple[int, ...], state: str, slots: int) -> ZapOperation:
    """Return an operation that has unmapped all, with one entry per page or per folio."""
    pfns, pfn = [], 1 << 20
    for order in orders:
        pfns.append(pfn)
        pfn += 1 << order
    shape = TableShape(1, orders, tuple(pfns), OPERATION.state(state), contpte=False)
    zap = ZapOperation.begin(shape.build())
    for folio in zap.frames:
        zap.rmap_remove(folio, 0, folio.pages)
        count = 1 if slots == 1 else folio.pages
        zap.list.reserve = slots
        for page in range(0, folio.pages, count):
            zap.gather(folio, count, slots=slots, page=page)
    return zap


def released(zap: ZapOperation) -> list[Step]:
    return [step for step in flush_and_release(zap) if isinstance(step, Step)]


def test_what_others_hold_is_not_freed() -> None:
    zap = unmapped((0,) * 62, "exit", 1)
    events = Counter(step.event for step in released(zap))
    assert events == {"batch": 2, "take": 62, "put": 62}
    assert not any(folio.freed for folio in zap.frames)


@pytest.mark.parametrize(("order", "slots", "puts"), [(0, 1, 64), (4, 1, 64), (4, 2, 4)])
def test_every_folio_is_freed_once(order: int, slots: int, puts: int) -> None:
    zap = unmapped((order,) * (64 >> order), "munmap", slots)
    events = Counter(step.event for step in released(zap))
    folios = 64 >> order

    assert [folio.freed for folio in zap.frames] == [1] * folios
    assert events["take"] == events["put"] == puts
    assert events["uncharge"] == events["prepare"] == folios
    assert events["tail"] == 64 - folios
    # Order 4 goes past the per-CPU lists.
    assert events["commit"] == (folios if order == 0 else 0)


def test_one_batch_is_what_was_recorded() -> None:
    """31 pages, micro-op by micro-op, but for statistics that run over at other pages.

    The window begins behind the walk over the first entries of the list.
    """
    program, library = load_program("zap", "v6.7.x86_64"), load_library("zap", "v6.7.x86_64")
    window = program.recordings["munmap/order0_release"]
    marks = find(program, window)
    zap = unmapped((0,) * 62, "munmap", 1)
    steps = released(zap)[31:]
    last = Step("take", -1, -1, -1)
    fragments = recorder_of("zap", "v6.7.x86_64").record(iter(steps), last).fragments
    marks = marks[: len(steps)]

    assert [step.event for step in steps] == [m.step.event for m in marks]
    rows = [library.fragment_length[fragment] for fragment in fragments[1:]]
    wanted = [after.row - mark.row for mark, after in pairwise(marks)]
    differ = [
        marks[number].step.event
        for number, (mine, theirs) in enumerate(zip(rows, wanted, strict=True))
        if mine != theirs
    ]
    assert set(differ) <= {"put", "take", "batch"}
    assert abs(sum(rows) - sum(wanted)) < 0.01 * sum(wanted)


def test_a_page_goes_with_its_neighbours_in_the_lists_not_in_memory() -> None:
    """The recorded pages were both; elsewhere the page freed before lies anywhere."""
    pfns = tuple((1 << 20) + 4096 * (7 * number % 62) for number in range(62))
    shape = TableShape(1, (0,) * 62, pfns, MUNMAP, contpte=False)
    zap = ZapOperation.begin(shape.build())
    list(unmap_per_pte(zap))
    record = recorder_of("zap", "v6.7.x86_64").record(iter(released(zap)), Step("put", -1, -1, -1))
    trace = build(record, load_library("zap", "v6.7.x86_64"), "zap")

    pages = trace.address[trace.target == Target.PAGE] - (Target.PAGE << REGION_SHIFT)
    touched = set((pages // LINE_BYTES).tolist())
    assert touched.issuperset(pfns)
    assert len(touched) <= len(pfns) + 2  # what was freed before each of the two batches


@pytest.mark.parametrize(("order", "bypasses"), [(0, False), (3, False), (4, True), (9, False)])
def test_folios_too_large_for_the_lists_of_a_cpu_are_freed_at_once(
    order: int, bypasses: bool
) -> None:
    steps = released(unmapped((order,) * (512 >> order), "munmap", 2 if order else 1))
    prepared = {bool(s.traits & Trait.BYPASSES) for s in steps if s.event == "prepare"}
    assert prepared == {bypasses}
    assert not any(s.traits & Trait.BYPASSES for s in steps if s.event != "prepare")
    assert any(s.event == "commit" for s in steps) is not bypasses


@pytest.mark.parametrize("program", ["v6.12.117.x86_64", "v6.12.117.arm64_nocontpte"])
def test_what_bypasses_the_lists_goes_to_the_buddy_allocator(program: str) -> None:
    """Behind each prepared folio of order 4 its recording goes on to ``__free_one_page()``."""
    library = load_library("zap", program)
    choice = library.choices["prepare", "tail"]
    freed: dict[bool, set[bool]] = {False: set(), True: set()}
    for facts, fragment in choice.fragments.items():
        opens = dict(zip((Context._fields[i] for i in choice.decisive), facts, strict=True))[
            "opens"
        ]
        uops = library.uop[library.rows(fragment)]
        freed[opens].add("__free_one_page" in library.function[uops])
    assert freed == {False: {False}, True: {True}}


def test_every_page_is_taken_from_the_list() -> None:
    zap = unmapped((4,), "munmap", 1)
    taken = [step for step in released(zap) if step.event == "take"]
    assert [step.page - step.head for step in taken] == list(range(16))


def test_batches_of_a_table_are_alike() -> None:
    entries = [Gathered(Folio(0, pfn), 1) for pfn in range(512)]
    assert [len(batch) for batch in batches(entries)] == [32] * 16
    assert [len(batch) for batch in batches(entries[:37])] == [37]


def test_a_folio_may_have_a_batch_of_its_own() -> None:
    small = [Gathered(Folio(0, pfn), 1) for pfn in (0, 1)]
    folios = [Folio(2, pfn) for pfn in (4, 8)]
    entries = [*small, *(Gathered(folio, 4) for folio in folios)]
    assert [len(batch) for batch in batches(entries)] == [4]
    assert [len(batch) for batch in batches(entries, alone=folios)] == [2, 1, 1]
    pages = [Gathered(folio, 1, page) for folio in folios for page in range(4)]
    assert [len(batch) for batch in batches(pages, alone=folios)] == [4, 4]


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize(("state", "alone", "number"), [
    ("munmap", True, 8), ("munmap", False, 4), ("exit", True, 4), ("exit", False, 4),
])  # fmt: skip
def test_only_folios_that_are_freed_end_a_batch(
    state: str, alone: bool, number: int, slots: int
) -> None:
    """At an exit the parent still maps them: their references go in batches."""
    zap = unmapped((4,) * 8, state, slots)
    zap.frees_large_alone = alone
    events = Counter(step.event for step in released(zap))
    assert events["batch"] == (number if slots == 1 or (alone and state == "munmap") else 1)
    assert events["uncharge"] == (8 if state == "munmap" else 0)


def test_a_full_list_is_released_on_the_way() -> None:
    shape = TableShape(1, (0,) * 512, tuple(range(512)), MUNMAP, contpte=False)
    zap = ZapOperation.begin(shape.build())
    while zap.list.slots_used < MAX_SLOTS - 1:
        zap.gather(zap.frames.folios[0], 0)
    events = Counter(step.event for step in unmap_per_pte(zap) if isinstance(step, Step))

    # Full with the first entry: released behind that, then the table is locked again.
    assert events["lock"] == 2
    assert events["batch"] > 300
    assert len(zap.list.entries) == 511
