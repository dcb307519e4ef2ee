"""The copy loops that an archive of a recorded build may name."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import product
from typing import Any, Final

from costmodel.code.events import Step
from costmodel.code.uops import Uop
from costmodel.code.yields import generator
from costmodel.mm.build import Memory
from costmodel.operations.fork.batching import Batching, copy_batched
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.per_pte import copy_per_pte
from costmodel.operations.shared.strategy import Function

_LOOKS: Final = "resched"
"""Event of the look at need_resched."""


def loop_choices(seen: Collection[str], contpte: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the arguments of the known kernels' loops, and of loops between them.

    ``seen``: names of the events of a kernel.
    """
    looks = _LOOKS in seen
    yield {"batching": None, "resched": looks}
    reads = [(True, True), (True, False), (False, False)] if contpte else [(False, False)]
    for (gathers, hints), past, large, blocks in product(
        reads, (False, True), (True, False), (True, False)
    ):
        how = Batching(
            looks_past_folio=past,
            counts_large=large,
            gathers=gathers,
            hints=hints,
            protects_blocks=blocks,
        )
        yield {"batching": asdict(how), "resched": looks}


def loop_of(choices: Mapping[str, Any]) -> Function:
    """Return the copy loop that an archive names.

    ``choices`` has the keys ``batching`` (the fields of :class:`Batching`, or None for entry by
    entry) and ``resched`` (whether the loop ever looks at need_resched).
    """
    batching = choices["batching"]
    loop = copy_per_pte if batching is None else partial(copy_batched, how=Batching.of(batching))
    return loop if choices["resched"] else partial(_never_looking, loop)


def _never_looking(loop: Function, fork: ForkOperation) -> Generator[Step | Uop, Any, None]:
    """Run a loop without its looks at need_resched."""
    stream, answer = generator(loop(fork)), None
    while True:
        try:
            step = stream.send(answer)
        except StopIteration:
            return
        answer = None
        if not isinstance(step, Step) or step.event != _LOOKS:
            answer = yield step


def begun(memory: Memory, state: str, contpte: bool, loop: Function) -> ForkOperation:
    """Return a fork about to happen; read-only memory (``ro``) was forked by the loop before."""
    if state == "ro":
        deque(loop(ForkOperation.begin(memory, contpte=contpte)), maxlen=0)
    return ForkOperation.begin(memory, contpte=contpte)
