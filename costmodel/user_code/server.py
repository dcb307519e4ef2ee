"""The child process: loads a user's function, and runs it for each request."""

from __future__ import annotations

import faulthandler
import functools
import gc
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NamedTuple

from costmodel.config.errors import ConfigError
from costmodel.user_code.blame import Culprit, place_of
from costmodel.user_code.limits import Limits, limit_memory, limited
from costmodel.user_code.source import Source


class Answer(NamedTuple):
    """An answer, or a ConfigError if ``refused``; the process ends after its ``last`` one."""

    value: Any
    refused: bool = False
    last: bool = False


def serve(connection: Connection, source: Source, limits: Limits) -> None:
    """Answer requests until the other end is closed; the first answer is about the import.

    A request is a function and its arguments; it is called with the user's function before these.
    """
    _isolate(limits)
    server = _Server(connection, source, limits)
    try:
        server.answer(server.load)
        while True:
            task, arguments = pickle.loads(connection.recv_bytes())
            server.answer(functools.partial(server.call, task, arguments))
    except (EOFError, OSError):
        os._exit(0)  # threads and exit handlers of the user's must not keep it
    except BaseException:  # not the user's fault
        traceback.print_exc()
        os._exit(1)


class _Server:
    def __init__(self, connection: Connection, source: Source, limits: Limits) -> None:
        self._connection = connection
        self._source = source
        self._limits = limits
        self._culprit: Culprit = source.culprit()
        self._function: Callable[..., Any] | None = None
        self._process = os.getpid()

    def load(self) -> bytes:
        """Import the user's code; return the pickled place of its function, or the error."""
        try:
            self._function = self._source.load()
            place = place_of(self._function)
        except BaseException as error:  # a user's code: whatever it raises is what is wrong with it
            return self._refusal(error, importing=True)
        self._culprit.begins(place)
        return pickle.dumps(Answer(place))

    def call(self, task: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
        try:
            return pickle.dumps(Answer(task(self._function, *arguments)))
        except BaseException as error:  # a user's code, as above
            return self._refusal(error)

    def answer(self, make: Callable[[], bytes]) -> None:
        """Send what ``make`` returns; it runs within the limits."""
        # Whatever the user's code left behind is taken down in ``make``, while the limits hold.
        with limited(self._limits, self._stop):
            answer = make()
        if os.getpid() != self._process:
            os._exit(0)  # a process that the user's code forked answers nothing
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        self._connection.send_bytes(answer)

    def _refusal(self, error: BaseException, *, importing: bool = False) -> bytes:
        refused = self._culprit.error(error, importing=importing)
        if isinstance(error, MemoryError):
            why = self._limits.too_large
            refused = ConfigError(replace(fault, reason=why) for fault in refused.faults)
        return _refused(refused, last=importing)

    def _stop(self, reason: str, frame: FrameType | None) -> None:
        # An exception could be caught: the process ends here.
        error = self._culprit.at(frame, reason, within=_Server.answer.__code__)
        self._connection.send_bytes(_refused(error, last=True))
        os._exit(1)


def _refused(error: ConfigError, *, last: bool = False) -> bytes:
    return pickle.dumps(Answer(error, refused=True, last=last))


def _isolate(limits: Limits) -> None:
    """Send what the code prints to stderr, and let Ctrl-C end this process without a traceback."""
    gc.freeze()  # else looking for garbage copies all that was forked
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    faulthandler.disable()
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    limit_memory(limits)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except BaseException:  # the user's code may have put anything there
        return
