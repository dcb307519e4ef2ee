"""Strategies of mprotect against the recordings: the same micro-ops in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.operations.shared.pmd import LAYOUT
from costmodel.recorder import load_program, recorded_names
from tests.operations.conformance import differences


class Case(NamedTuple):
    program: str
    key: str


def cases() -> Iterator[Case]:
    for program in recorded_names("mprotect"):
        for key in load_program("mprotect", program).recordings:
            alike = "range_tlbi" in program or key.startswith("shared")
            if LAYOUT not in key and (not alike or key.endswith("order0")):
                yield Case(program, key)


@pytest.mark.parametrize("case", tuple(cases()), ids="-".join)
def test_strategy_executes_what_was_recorded(case: Case) -> None:
    # Behind the first entry of each further block: no fact of the context is about that.
    blocks = range(CONT_PTES, TABLE_PTES, CONT_PTES)
    known = [[("commit", block), ("commit", block + 1)] for block in blocks]
    differ = differences("mprotect", case.program, case.key)
    assert differ == (known if _steps_over_blocks(case) else [])


def _steps_over_blocks(case: Case) -> bool:
    return "arm64_contpte" in case.program and "v6.12" not in case.program and "order9" in case.key
