"""Users' strategies that never come back."""

from __future__ import annotations

import signal

import pytest

from costmodel.code import user_code
from costmodel.code.user_code import guarded
from costmodel.config.errors import ConfigError


def never() -> None:
    while True:
        pass


def test_code_that_neither_yields_nor_ends_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_code, "LIMIT_SECONDS", 0.05)
    line = never.__code__.co_firstlineno
    with pytest.raises(
        ConfigError, match=rf"test_user_code\.py:{line + 1}:0: strategy: does not end"
    ) as caught:
        guarded(never, never)
    assert len(str(caught.value).splitlines()) == 1


def test_a_result_comes_back_and_the_alarm_is_off() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert guarded(never, lambda: 7) == 7
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_faults_of_the_project_pass_through() -> None:
    def fails() -> None:
        raise ConfigError.of("x", "known")

    with pytest.raises(ConfigError, match="x: known"):
        guarded(never, fails)
