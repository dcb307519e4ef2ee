"""The steps of one compiled kernel, ready to be looked up and laid out in a trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.steps.events import Step, Trait

Ints = NDArray[np.int64]

BLOCK_PTES = 16

ROLES = (
    "fixed",  # a line of the stack, the VMA, ... that is the same every time
    "slot",  # the entry of the event that ends the step
    "last_slot",  # the entry of the event before
    "block",  # the contiguous block of the event that ends the step
    "page",  # the struct page of the event that ends the step
    "last_page",
    "head",  # the first struct page of its folio
    "last_head",
)


class Situation(NamedTuple):
    """What the choice between recorded paths may depend on, beside the two events."""

    before_last: str
    large: bool
    cont: bool
    writable: bool
    consecutive: bool
    block_start: bool
    block_end: bool
    last_block_end: bool


def situation(before_last: str, last: Step, now: Step) -> Situation:
    """Return the situation of the step from ``last`` to ``now``."""
    traits = now.traits
    return Situation(
        before_last,
        bool(traits & Trait.LARGE),
        bool(traits & Trait.CONT),
        bool(traits & Trait.WRITABLE),
        bool(last.traits & Trait.CONSECUTIVE),
        now.slot % BLOCK_PTES == 0,
        now.slot % BLOCK_PTES == BLOCK_PTES - 1,
        last.slot % BLOCK_PTES == BLOCK_PTES - 1,
    )


@dataclass(frozen=True)
class Choice:
    """The recorded paths between two events and what decides between them.

    ``features``: indices into :class:`Situation`; ``paths``: their values to a path number;
    ``usual``: the path for a situation that was not recorded (the one recorded most often).
    """

    features: tuple[int, ...]
    paths: Mapping[tuple[Any, ...], int]
    usual: int


@dataclass(frozen=True)
class Library:
    """All steps of one program.

    Static micro-ops (``[u]``): ``site, kind, op, target, size_bytes, function``. Paths (``[p]``):
    ``path_start, path_length`` into the rows. Rows (``[r]``): ``uop``, ``taken``, ``role`` (index
    into ROLES), ``index`` (line number, or slot / struct-page number counted from the role),
    ``offset`` (bytes), ``near`` (``[r, 4]``: rows back to a producer in the same step, 0 for none)
    and ``far`` (``[r, 4]``: number of the group of static micro-ops, the latest executed of which
    is the producer; -1 for none). ``groups`` lists the members of each group.
    """

    name: str
    site: Ints
    kind: NDArray[np.str_]
    op: NDArray[np.str_]
    target: NDArray[np.str_]
    size_bytes: Ints
    function: NDArray[np.str_]
    path_start: Ints
    path_length: Ints
    uop: Ints
    taken: Ints
    role: Ints
    index: Ints
    offset: Ints
    near: Ints
    far: Ints
    group_start: Ints
    group_member: Ints
    choices: Mapping[tuple[str, str], Choice]

    @property
    def isa(self) -> str:
        """``arm64`` or ``x86_64``."""
        return "x86_64" if self.name.endswith("x86_64") else "arm64"

    @cached_property
    def _by_last(self) -> dict[str, list[str]]:
        known: dict[str, list[str]] = {}
        for last, now in self.choices:
            known.setdefault(now, []).append(last)
        return known

    def path(self, before_last: str, last: Step, now: Step) -> int:
        """Return the number of the path from event ``last`` to event ``now``.

        A pair of events that was never recorded falls back to the path that led to ``now`` from
        another event. Raises KeyError when ``now`` is unknown to this program.
        """
        choice = self.choices.get((last.event, now.event))
        if choice is None:
            choice = self.choices[(self._by_last[now.event][0], now.event)]
        if not choice.features:
            return choice.usual
        facts = situation(before_last, last, now)
        return choice.paths.get(tuple(facts[i] for i in choice.features), choice.usual)


_ARRAYS = (
    "site", "kind", "op", "target", "size_bytes", "function", "path_start", "path_length", "uop",
    "taken", "role", "index", "offset", "near", "far", "group_start", "group_member",
)  # fmt: skip


def to_arrays(library: Library) -> dict[str, NDArray[Any]]:
    """Return the library as named arrays, for an archive."""
    arrays = {name: getattr(library, name) for name in _ARRAYS}
    choices = [
        [last, now, list(c.features), [[list(k), v] for k, v in sorted(c.paths.items())], c.usual]
        for (last, now), c in sorted(library.choices.items())
    ]
    text = json.dumps(choices).encode()
    return arrays | {"choices": np.frombuffer(text, dtype=np.uint8)}


@cache
def load_library(operation: str, name: str) -> Library:
    """Read the steps of program ``name``; FileNotFoundError when there are none."""
    path = resources.files(__package__) / "data" / operation / f"{name}.npz"
    with path.open("rb") as file, np.load(file) as arrays:
        tables = {key: _widen(arrays[key]) for key in _ARRAYS}
        choices = {
            (last, now): Choice(tuple(features), {tuple(k): v for k, v in paths}, usual)
            for last, now, features, paths, usual in json.loads(arrays["choices"].tobytes())
        }
    return Library(name=name, choices=choices, **tables)


def _widen(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.int64) if array.dtype.kind in "iu" else array
