"""Which strategies a check finds by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from costmodel.checking.check import check_strategy
from costmodel.checking.subjects import find_subjects
from costmodel.config.errors import ConfigError
from costmodel.mm.layouts import telling_layouts
from costmodel.strategies import resolve


def test_strategies_of_other_packages_are_checked_like_a_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = EntryPoint("theirs", "costmodel.operations.fork.per_pte:copy_per_pte", resolve.GROUP)
    monkeypatch.setattr(resolve, "_added", lambda: {"theirs": entry})
    (subject,) = find_subjects(["theirs"])
    assert subject.code is not None
    assert check_strategy(subject, telling_layouts()[:5]).passed
    with pytest.raises(ConfigError, match="did you mean 'theirs'"):
        find_subjects(["their"])


def test_a_file_without_a_function_is_told_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"must name a function too: file\.py:function"):
        find_subjects(["mine.py"])
