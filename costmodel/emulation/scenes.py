"""The scenes that are recorded: page tables full of folios, one for each recorded layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from costmodel.code.library import RAGGED
from costmodel.emulation.kernel import EmulatedKernel, Process
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.recorder.archive import ALIGNED
from costmodel.recorder.build_archive import SCATTERED, SPREAD

STEADY: Final = (256, 320)
"""Entries of a steady window: 64 from the middle of a table."""


class Part(NamedTuple):
    """Consecutive entries that map ``pages`` pages of a folio, from its page ``first`` on.

    ``page`` is the first entry; ``frame`` the folio's first frame.
    """

    page: int
    frame: int
    order: int
    first: int
    pages: int


@dataclass(frozen=True)
class Scene:
    """One table of folios: ``layout`` as recordings name it.

    ``pieces``: what it maps. ``steady``: all folios have one order, and a window from the middle is
    recorded under the layout's name; the recording of the whole table is then called ``..._table``.
    ``mixed``: folios of many orders; steps are cut from such tables or tried on them. ``spread``:
    distance from the start of one folio to that of the next, in sizes of a folio. ``releases``:
    where pages are gathered, their release is recorded as well.
    """

    layout: str
    pieces: tuple[Part, ...]
    steady: bool = False
    mixed: bool = False
    spread: int = 1
    releases: bool = True

    @property
    def order(self) -> int:
        """The order of its folios."""
        return self.pieces[0].order

    def lay(self, kernel: EmulatedKernel) -> Process:
        """Make a process whose table it is."""
        last = self.pieces[-1]
        process = kernel.process(last.page + last.pages)
        for frame, order in dict.fromkeys((piece.frame, piece.order) for piece in self.pieces):
            kernel.folio(process, frame, order)
        for piece in self.pieces:
            kernel.map(process, piece.page, piece.frame + piece.first, piece.pages)
        return process


def scenes(*, contpte: bool) -> list[Scene]:
    """Return what is recorded of every build; with contpte aligned order-0 frames as well."""
    zero = [_alike("order0", 0, shift=_SHIFT, steady=True)]
    if contpte:
        zero.append(_alike(f"order0{ALIGNED}", 0))
    return [
        *zero,
        *(_alike(f"order{order}", order, steady=True) for order in (2, 4)),
        _alike("order9", 9),
    ]


def released_scenes() -> list[Scene]:
    """Return what is recorded besides where pages are released: further orders, and folios apart.

    Folios of order 1 to 3 and 9 stay on lists of a CPU, the others are merged with their
    neighbours; tables of orders 5 to 7 lie between two that are recorded. No folio that lies apart
    merges with its neighbour.
    """
    return [
        *(_alike(f"order{order}", order) for order in (1, 3, 8)),
        *(_alike(f"order{order}{SCATTERED}", order, spread=SPREAD) for order in (0, 1, 2, 3, 4, 8)),
    ]


def releases_by_batch() -> list[Scene]:
    """Return of which tables releases are recorded, to cut them into steps: some batches of each.

    The steps know small folios, which lists of a CPU keep, and others, but no orders. Folios lie
    side by side, so that freed ones are merged: a process that ends or unmaps all frees all of its
    folios sooner or later, and as many are merged wherever they lie. Where the pages of a folio are
    mapped backwards, each of them is unmapped and listed alone, as kernels do that know no batches.
    """
    return [
        *(_alike(f"order{order}", order, few=True) for order in (0, 2, 4, 9)),
        *(_backwards(f"order{order}_backwards", order) for order in (2, 4)),
    ]


def other_frames() -> Scene:
    """Return order-0 pages whose frames lie otherwise: their rows must be those of order0."""
    pieces = tuple(
        Part(page, TABLE_PTES - 1 - page + _SHIFT, 0, 0, 1) for page in range(TABLE_PTES)
    )
    return Scene("order0", pieces, steady=True)


def mixed_scenes(seeds: tuple[int, ...]) -> list[Scene]:
    """Return tables of folios of all orders up to 6, two of each kind for every seed.

    In blocks: folios lie where their alignment puts them, as the kernel places them. Ragged: they
    begin anywhere and some are mapped in part.
    """
    return [
        Scene(f"{kind}{seed}", tuple(make(Random(seed))), mixed=True, releases=False)
        for seed in seeds
        for kind, make in (("blocks", _blocks), (RAGGED, _ragged))
    ]


_BATCH: Final = 31
_FEW_PAGES: Final = 8 * _BATCH
"""Pages of eight batches of a release, of folios of one page; at least two batches of others."""
_SHIFT: Final = 5
"""As the frames of the booted kernels' order-0 pages: not aligned with their addresses."""


def _alike(
    layout: str,
    order: int,
    *,
    shift: int = 0,
    steady: bool = False,
    spread: int = 1,
    few: bool = False,
) -> Scene:
    pages = 1 << order
    end = _FEW_PAGES if few and pages < _FEW_PAGES // _BATCH else TABLE_PTES
    pieces = (Part(page, page * spread + shift, order, 0, pages) for page in range(0, end, pages))
    return Scene(layout, tuple(pieces), steady=steady, spread=spread)


def _backwards(layout: str, order: int) -> Scene:
    last = (1 << order) - 1
    pieces = (
        Part(page, page & ~last, order, last - (page & last), 1) for page in range(_FEW_PAGES)
    )
    return Scene(layout, tuple(pieces))


def _blocks(random: Random) -> Iterator[Part]:
    """Yield blocks of 16 entries and more, each of folios of one order."""
    page, frame = 0, 0
    while page < TABLE_PTES:
        order = random.choice((0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 6))
        block = max(CONT_PTES, 1 << order)
        if page % block or page + block > TABLE_PTES:
            continue
        frame = -(-frame // block) * block + random.choice((0, 0, block))
        for first in range(0, block, 1 << order):
            yield Part(page + first, frame + first, order, 0, 1 << order)
        page, frame = page + block, frame + block


def _ragged(random: Random) -> Iterator[Part]:
    """Yield folios one behind the other, a third of the large ones in part."""
    page, frame = 0, 0
    while page < TABLE_PTES:
        order = random.choice((0, 0, 0, 1, 2, 3, 4, 5))
        pages = 1 << order
        first = random.randrange(pages) if random.random() < 0.33 else 0
        count = random.randint(1, pages - first) if random.random() < 0.33 else pages - first
        frame = -(-frame // pages) * pages + random.choice((0, 0, pages, 7 * pages))
        yield Part(page, frame, order, first, min(count, TABLE_PTES - page))
        page, frame = page + count, frame + pages
