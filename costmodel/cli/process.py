"""What the command does with the process around it: closed streams and Ctrl-C."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TextIO

from costmodel.cli.start import INTERRUPTED, leave

_SOON_SECONDS = 0.01
BAD_INPUT = 2
BROKEN_PIPE = 141


def guarded(run: Callable[[], int]) -> int:
    """Return the exit code of ``run``, or that for Ctrl-C, a closed pipe or an OSError in it."""
    open_closed_streams()
    with Interruption() as interruption, warnings.catch_warnings():
        warnings.showwarning = say_warning
        try:
            code = run()
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader (head, less) left.
            code = BROKEN_PIPE
        except OSError as error:
            told = (error.filename, error.strerror or str(error))
            complain(": ".join(["costmodel", *(str(part) for part in told if part)]))
            code = BAD_INPUT
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BaseException:
            # What an import makes of Ctrl-C may be any other exception.
            if not interruption.happened:
                raise
            code = INTERRUPTED
        if code in (BROKEN_PIPE, BAD_INPUT):
            give_up(sys.stdout)
    return code


def open_closed_streams() -> None:
    """Put something in the place of standard streams that were closed before the start.

    Python has None for them, and the next file that is opened would take their number. Output that
    nobody can read is an error when it is written; error messages go nowhere.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        readable = os.O_WRONLY if name == "stderr" else os.O_RDONLY
        opened = os.open(os.devnull, readable)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def complain(text: str) -> None:
    """Print an error message to standard error; if that is closed, only the exit code tells."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


def say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning for users, without file and line of this program as Python adds them."""
    from costmodel.cli.parser import wrapped

    if issubclass(category, FutureWarning):
        complain(wrapped(f"warning: {message}"))
    else:
        complain(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


def give_up(stream: TextIO) -> None:
    """Drop what could not be written, so that flushing at exit does not fail again."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_listening: list[Interruption] = []
"""Those whose command runs now: one, or none."""


def interrupted() -> bool:
    """Tell whether Ctrl-C came while this command runs: what goes wrong now may come of it."""
    return any(each.happened for each in _listening)


class Interruption:
    """Remembers Ctrl-C while a command runs, even if the interrupted code suppresses it.

    An import that is interrupted may raise another exception, or print a traceback and go on: then
    the signal is sent again.
    """

    def __init__(self) -> None:
        """Begin without an interruption."""
        self.happened = False
        self._handler: Any = None
        self._hook = sys.unraisablehook

    def __enter__(self) -> Interruption:
        """Listen; only a main thread can, and only where Ctrl-C is not ignored."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) in (signal.default_int_handler, leave):
            self._handler = signal.signal(signal.SIGINT, self._interrupt)
            sys.unraisablehook = self._unraisable
        _listening.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore the hook and the signal handler that were there before.

        A process that runs one command only is about to end then, with its result written. Ctrl-C
        must not make that a failed one.
        """
        _listening.remove(self)
        if self._handler is not None:
            done = self._handler is leave and not self.happened
            signal.signal(signal.SIGINT, signal.SIG_IGN if done else self._handler)
            sys.unraisablehook = self._hook

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.happened = True
        raise KeyboardInterrupt

    def _unraisable(self, unraisable: Any) -> None:
        """Interrupt again soon, if Ctrl-C came in code that cannot raise, such as a destructor."""
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            # Not here: what this function raises is lost as well.
            threading.Timer(_SOON_SECONDS, _thread.interrupt_main).start()
        elif not self.happened:
            self._hook(unraisable)
