"""Draws random small layouts: every feature of the telling ones, in combinations."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from costmodel.mm.address_space import VmaKind
from costmodel.mm.layout import Area, Content, Layout, Piece

_STARTS = (0, 0, 1, 5, 16, 496, 500, 507, 511)
_ORDERS = (0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 5)
_CONTENTS = (
    *[Content.PAGES] * 12,
    *(Content.HOLE, Content.HOLE, Content.SWAP, Content.MIGRATION, Content.SPECIAL),
)
_KINDS = (*[VmaKind.ANONYMOUS] * 4, VmaKind.PRIVATE_FILE, VmaKind.SHARED)


def random_layouts(count: int, seed: int) -> Iterator[Layout]:
    """Yield ``count`` layouts of some 5 to 150 entries; equal seeds give equal layouts."""
    for index in range(count):
        yield random_layout(Random(f"{seed}/{index}"), f"random {seed}/{index}")


def random_layout(random: Random, name: str) -> Layout:
    """Return one layout drawn from ``random``."""
    areas = tuple(_area(random) for _ in range(random.choice((1, 1, 2, 3))))
    return Layout(name, areas, random.choice(_STARTS))


def _area(random: Random) -> Area:
    kind = random.choice(_KINDS)
    pieces: list[Piece] = []
    for _ in range(random.randint(1, 5)):
        pieces.extend(_pieces(random))
    return Area(
        tuple(pieces),
        kind,
        before=random.choice((0, 0, 0, 1, 7)),
        dontfork=_chance(random, 12),
        lazy=kind is not VmaKind.ANONYMOUS and _chance(random, 8),
        keeps_uffd_wp=_chance(random, 6),
        tracks_soft_dirty=_chance(random, 3),
    )


def _pieces(random: Random) -> Iterator[Piece]:
    """Yield one piece, several equal folios, or one folio in two states."""
    content = random.choice(_CONTENTS)
    order = random.choice(_ORDERS) if content is Content.PAGES else 0
    state = _state(random)
    if content is not Content.PAGES:
        yield Piece(content, random.randint(1, 4), **state)  # type: ignore[arg-type]
        return
    size = 1 << order
    if size > 1 and _chance(random, 3):
        first = random.randrange(size)
        count = random.randint(1, size - first)
        yield Piece(content, count, order, first, **state)  # type: ignore[arg-type]
        rest = size - first - count
        if rest and _chance(random, 2):
            changed = state | _changed(random)
            yield Piece(content, rest, order, first + count, again=True, **changed)  # type: ignore[arg-type]
        return
    for _ in range(random.randint(1, 3 if size > 4 else 6)):
        yield Piece(content, size, order, gap=3 if _chance(random, 5) else 0, **state)  # type: ignore[arg-type]


def _state(random: Random) -> dict[str, object]:
    return {
        "writable": not _chance(random, 4),
        "exclusive": not _chance(random, 5),
        "dirty": not _chance(random, 5),
        "marked_every": random.choice((1, 1, 1, 1, 1, 3)),
        "soft_dirty": _chance(random, 4),
        "uffd_wp": _chance(random, 10),
        "file": _chance(random, 2),
        "pinned": _chance(random, 8),
        "elsewhere": _chance(random, 6),
        "cont": not _chance(random, 4),
    }


def _changed(random: Random) -> dict[str, object]:
    """Return one state bit that differs for the rest of a folio."""
    name = random.choice(("writable", "exclusive", "dirty", "soft_dirty", "uffd_wp", "elsewhere"))
    return {name: _chance(random, 2)}


def _chance(random: Random, one_in: int) -> bool:
    return random.randrange(one_in) == 0
