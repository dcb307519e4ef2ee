"""Correct strategies pass on telling, random and generated layouts."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.checking.check import check_strategy, report_text, standard_layouts
from costmodel.checking.run import Strategy, Subject, violations_on
from costmodel.mm.address_space import VmaKind
from costmodel.mm.folio import Folio
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.random_layouts import random_layout
from costmodel.operations.fork.mm import ForkOperation, TablePair

from . import reference_strategies as reference
from .reference_strategies import batched, per_pte


@pytest.mark.parametrize("contpte", [False, True])
@pytest.mark.parametrize("strategy", [per_pte, batched])
def test_correct_strategies_pass(strategy: Strategy, contpte: bool) -> None:
    report = check_strategy(Subject("it", strategy, contpte=contpte), standard_layouts(60, seed=5))

    assert report.passed, report_text(report)
    assert report_text(report) == f"it: ok ({report.layouts} layouts)"


@given(
    random=st.randoms(use_true_random=False),
    limit=st.integers(1, 40),
    contpte=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_any_batch_limit_is_correct(random: Random, limit: int, contpte: bool) -> None:
    """A strategy may stop its batches early, wherever that is."""
    correct = reference.scan

    def scan(pair: TablePair, slot: int, pte: int, folio: Folio) -> tuple[int, int]:
        return correct(pair, slot, pte, folio, limit)

    def limited(fork: ForkOperation) -> Iterator[Any]:
        with patch.object(reference, "scan", scan):
            yield from batched(fork)

    layout = random_layout(random, "generated")

    assert violations_on(Subject("limited", limited, contpte=contpte), layout) == []


@pytest.mark.parametrize("contpte", [False, True])
@pytest.mark.parametrize("first", [1, 5, 15])
def test_a_shared_batch_may_become_writable_across_blocks(first: int, contpte: bool) -> None:
    """v6.9 and later pass the write permission of any entry on to the whole batch."""
    one = Piece(Content.PAGES, 1, 4, file=True)
    rest = Piece(Content.PAGES, 15, 4, first=1, again=True, file=True, writable=False)
    layout = Layout("it", (Area((one, rest), VmaKind.SHARED),), start=first)

    assert violations_on(Subject("it", batched, contpte=contpte), layout) == []


def test_the_flush_may_be_left_to_the_caller() -> None:
    def copy_loop(fork: ForkOperation) -> Iterator[str]:
        with patch.object(fork, "final_flush", lambda: None):
            yield from per_pte(fork)

    layouts = standard_layouts(0, seed=0)

    assert check_strategy(Subject("loop", copy_loop, flushes=False), layouts).passed
    assert not check_strategy(Subject("loop", copy_loop), layouts).passed


def test_values_sent_to_a_strategy_are_distinct_ints() -> None:
    got: list[int] = []

    def curious(fork: ForkOperation) -> Generator[Any, int, None]:
        for step in per_pte(fork):
            value = yield step
            got.append(value)

    violations_on(Subject("curious", curious), standard_layouts(0, seed=0)[0])

    assert got == list(range(len(got)))
    assert got
