"""How many shares of CPI stacks say what a lower price saves: the tool that counts."""

from __future__ import annotations

import sys

import pytest

from tools.shares import main


@pytest.mark.parametrize(("machine", "bad"), [("xeon-4210r", 0), ("graviton4", 1)], ids=str)
def test_shares_that_say_something_else_are_counted_and_named(
    machine: str, bad: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["shares", machine])
    main()
    *others, last = capsys.readouterr().out.splitlines()
    good, counted = (int(word) for word in last.split() if word.isdigit())
    assert (len(others), counted - good) == (bad, bad) and counted > 5
    assert all(line.startswith(f"munmap order 0, {machine}: l1 0.1") for line in others)
