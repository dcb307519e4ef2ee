"""Calls a user's code in another process: one child per function, started when it is needed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, TypeVar

from costmodel.config.errors import ConfigError
from costmodel.parallel import context
from costmodel.store import depends_on_more
from costmodel.user_code.blame import StrategyError
from costmodel.user_code.limits import Limits
from costmodel.user_code.server import Answer, serve
from costmodel.user_code.source import Source

T = TypeVar("T")

LIMITS = Limits()
MOST_CHILDREN = 6
"""How many child processes wait for further requests; an ended one is started again if needed."""


class UserCode:
    """A user's function, which runs in a process of its own.

    Whatever it does there, :meth:`ask` returns an answer or raises a ConfigError with the user's
    own file and line.
    """

    def __init__(self, source: Source, limits: Limits | None = None) -> None:
        """Remember where the function is; nothing is loaded yet."""
        self.source = source
        self._limits = limits or LIMITS
        self._child: _Child | None = None
        self._fault: ConfigError | None = None
        self._culprit = source.culprit()
        depends_on_more()

    def __reduce__(self) -> tuple[type[UserCode], tuple[Source, Limits]]:
        """Let other processes get a copy, each of which starts a child of its own."""
        return UserCode, (self.source, self._limits)

    def ask(self, task: Callable[..., T], *args: Any) -> T:
        """Return ``task(function, *args)``, computed in the child process.

        Task, arguments and answer must be picklable. Raises ConfigError for whatever goes wrong
        with the user's code.
        """
        if self._fault is not None:
            raise self._fault  # it would hang or crash again
        if self._child is None or self._child not in _children:
            self._child = _Child(self.source, self._limits)
            self._culprit.begins(self._value(self._child.answer()))
        _used(self._child)
        answer: T = self._value(self._child.ask(pickle.dumps((task, args))))
        return answer

    def blamed(self, error: StrategyError) -> ConfigError:
        """Return an error that was found in an answer as a fault of the user's function."""
        return self._culprit.error(error)

    def _value(self, answer: Answer | str) -> Any:
        if isinstance(answer, str):
            answer = Answer(self._culprit.fault(answer), refused=True, last=True)
        if answer.last:
            self._fault = answer.value
            if self._child is not None:
                _children.pop(self._child, None)
                self._child.end()
        if answer.refused:
            raise answer.value
        return answer.value


class _Child:
    """A process that serves one function; a text instead of an answer says what went wrong."""

    def __init__(self, source: Source, limits: Limits) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._limits = limits
        self._connection: Connection = ours
        _used(self)
        self._process: BaseProcess = context().Process(
            target=serve, args=(theirs, source, limits), daemon=True
        )
        self._process.start()
        theirs.close()
        # Before multiprocessing asks it politely and waits.
        self._finalize = Finalize(self, _end, args=(self._process,), exitpriority=100)

    def ask(self, request: bytes) -> Answer | str:
        try:
            self._connection.send_bytes(request)
        except OSError:
            return self._ended()
        return self.answer()

    def answer(self) -> Answer | str:
        """Return the answer of the process, or a text that says why there is none."""
        try:
            if not self._connection.poll(self._limits.last_resort_seconds):
                _end(self._process)
                return self._limits.too_slow
            answer: Answer = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            return self._ended()
        except BaseException:
            _children.pop(self, None)
            self.end()  # Ctrl-C must not wait for it
            raise
        return answer

    def end(self) -> None:
        """End the process."""
        self.let_go()
        self._finalize()

    def let_go(self) -> None:
        """Forget the process, which belongs to the one that started it."""
        self._connection.close()

    def _ended(self) -> str:
        """Return how the process ended without an answer, as text."""
        self._process.join(5)
        _end(self._process)
        code = self._process.exitcode or 0
        if code >= 0:
            return f"ends the process with exit status {code}"
        name = signal.Signals(-code).name
        return self._limits.too_long if name == "SIGXCPU" else f"crashes the process ({name})"


_children: dict[_Child, None] = {}
"""The child processes of this process, in the order of their last use."""


def _used(child: _Child) -> None:
    """Note the use of a child, and end those not used longest, because each takes memory."""
    _children.pop(child, None)
    _children[child] = None
    while len(_children) > MOST_CHILDREN:
        oldest = next(iter(_children))
        del _children[oldest]
        oldest.end()


def _let_go() -> None:
    """Close the connections that a forked process inherits, so that no child outlives its owner."""
    for child in _children:
        child.let_go()
    _children.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _end(process: BaseProcess) -> None:
    if process.is_alive():
        process.kill()
    process.join()
