"""The copy loop that an archive of a recorded build names."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import Any, Final

from costmodel.code.events import Step
from costmodel.code.uops import Uop
from costmodel.code.yields import generator
from costmodel.operations.fork.batching import Batching, copy_batched
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.per_pte import copy_per_pte
from costmodel.operations.shared.strategy import Function

LOOKS: Final = "resched"
"""Event of the look at need_resched."""


def loop_of(choices: Mapping[str, Any]) -> Function:
    """Return the copy loop that an archive names.

    ``choices`` has the keys ``batching`` (the fields of :class:`Batching`, or None for entry by
    entry) and ``resched`` (whether the loop ever looks at need_resched).
    """
    batching = choices["batching"]
    loop = copy_per_pte if batching is None else partial(copy_batched, how=Batching(**batching))
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
        if not isinstance(step, Step) or step.event != LOOKS:
            answer = yield step
