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
"""Event of a loop that looks whether it must let others run."""


def loop_of(choices: Mapping[str, Any]) -> Function:
    """Return the loop that an archive names.

    ``choices``: ``batching``, those of :class:`Batching` or None for entry by entry; ``resched``,
    whether it ever looks if it must let others run.
    """
    batching = choices["batching"]
    loop = copy_per_pte if batching is None else partial(copy_batched, how=Batching(**batching))
    return loop if choices["resched"] else partial(_never_looking, loop)


def _never_looking(loop: Function, fork: ForkOperation) -> Generator[Step | Uop, Any, None]:
    """Run a loop that never looks whether it must let others run."""
    stream, answer = generator(loop(fork)), None
    while True:
        try:
            step = stream.send(answer)
        except StopIteration:
            return
        answer = None
        if not isinstance(step, Step) or step.event != LOOKS:
            answer = yield step
