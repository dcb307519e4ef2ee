"""What a strategy does to page tables is what it is priced for, or a check says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from costmodel.checking.check import check_strategy
from costmodel.checking.priced import mispriced
from costmodel.checking.run import Subject
from costmodel.checking.subjects import find_subjects
from costmodel.checking.verdict import verdicts_on
from costmodel.mm.layouts import telling_layouts
from costmodel.operations.registry import operation_names
from costmodel.strategies import fork as k
from costmodel.strategies.catalogue import built_in


@pytest.mark.parametrize("subject", find_subjects([]), ids=lambda subject: subject.name)
def test_built_in_strategies_announce_exactly_what_they_do(subject: Subject) -> None:
    assert mispriced(subject, telling_layouts()) == []


EDITS: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "less": (lambda fork: k.dropping(k.v6_12(fork), "get"), ["get"]),
    "two less": (
        lambda fork: k.dropping(k.dropping(k.v6_12(fork), "map"), "set"),
        ["map", "set"],
    ),
    "more": (lambda fork: k.after(k.v6_12(fork), "map", k.alu()), []),
}


@pytest.mark.parametrize(("function", "events"), EDITS.values(), ids=EDITS)
def test_what_is_left_out_of_the_cost_is_named(
    function: Callable[[Any], Any], events: list[str]
) -> None:
    subject = Subject("mine", function, flushes=False)
    assert check_strategy(subject, telling_layouts()).passed
    found = mispriced(subject, telling_layouts())
    assert [priced.event for priced in found] == events
    assert all(priced.done > 0 and priced.announced == 0 for priced in found)


@pytest.mark.parametrize("operation", operation_names())
def test_broken_strategies_are_known(operation: str) -> None:
    """Whatever a check finds broken among the built-in ones says so itself, and nothing else."""
    for subject in find_subjects([], operation=operation):
        name = subject.name.removeprefix(f"{operation} ")
        broken = bool(built_in(operation)[name].broken)
        assert check_strategy(subject, telling_layouts()).passed != broken, name


SOURCE = """
from costmodel.strategies import fork as k

def good(fork):
    return k.v6_12(fork)

def cheap(fork):
    return k.dropping(k.v6_12(fork), "get")

def forgets(fork):
    fork.folio_get = lambda folio, count=1: None
    return k.v6_12(fork)

def stumbles(fork):
    for pair in fork.tables():
        if pair.vma.is_cow and any(pte and not pte & 1 for pte in pair.src.slots):
            import os
            os._exit(3)
        break
    yield from k.v6_12(fork)
"""


def test_a_run_says_what_a_check_of_its_strategies_finds(tmp_path: Any) -> None:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    good, cheap, forgets, stumbles = (
        f"{path}:{name}" for name in ("good", "cheap", "forgets", "stumbles")
    )
    assert verdicts_on(["v6.7", good], "fork") == []
    (text,) = verdicts_on([cheap, cheap], "fork")
    assert text.startswith(f"{cheap} is not priced for what it does")
    assert "'get' is done" in text
    (text,) = verdicts_on([forgets], "fork")
    assert text.startswith(f"{forgets} is broken: refcounts are exact")
    (text,) = verdicts_on([stumbles], "fork")
    assert "could not be checked" in text
    assert "exit status 3" in text
    (text,) = verdicts_on(["folio-batch-off-by-one"], "fork")
    assert text.startswith("folio-batch-off-by-one is broken: its batches run on")
