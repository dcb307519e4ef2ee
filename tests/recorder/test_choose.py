"""The facts that decide between recorded paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from costmodel.code.context import Context, lone_context
from costmodel.code.events import Step
from costmodel.recorder import Recording
from costmodel.recorder.choose import choose
from costmodel.recorder.paths import Occurrence

NO_ROWS = np.zeros(0, dtype=np.int64)
WINDOW = Recording("rw", "order0", 1, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS)
LAST, NOW = Step("map", 1, 0, 0), Step("set", 1, 0, 0)


def seen(path: int, *, certain: bool = True, **facts: Any) -> tuple[int, Occurrence]:
    known = lone_context("get", LAST, NOW)._replace(**facts)
    return path, Occurrence(WINDOW, 0, LAST, NOW, known, certain)


def names(features: tuple[int, ...]) -> list[str]:
    return [Context._fields[i] for i in features]


def test_one_path_needs_no_facts() -> None:
    assert choose([seen(3), seen(3, large=True)]).decisive == ()


def test_the_fewest_facts_decide() -> None:
    choice = choose([seen(1), seen(2, large=True), seen(2, large=True, cont=True)])
    assert names(choice.decisive) == ["large"]
    assert choice.paths == {(False,): 1, (True,): 2}
    assert choice.usual == 2


def test_two_facts_where_one_is_not_enough() -> None:
    choice = choose([seen(1, cont=True), seen(2, large=True), seen(1, cont=True, large=True)])
    assert names(choice.decisive) == ["cont"]
    choice = choose(
        [seen(1), seen(2, large=True), seen(2, cont=True), seen(1, cont=True, large=True)]
    )
    assert names(choice.decisive) == ["large", "cont"]


def test_the_end_of_a_window_decides_nothing() -> None:
    choice = choose([seen(1), seen(1), seen(1, certain=False, consecutive=True)])
    assert choice.decisive == ()


def test_a_path_seen_only_at_the_end_means_that_the_next_frame_does_not_follow() -> None:
    choice = choose([seen(1, consecutive=True), seen(2, certain=False, consecutive=True)])
    assert choice.paths == {(False,): 2, (True,): 1}


def test_where_nothing_decides_the_majority_does() -> None:
    choice = choose([seen(1), seen(2), seen(2)])
    assert choice.usual == 2
    assert set(choice.paths.values()) == {2}
