"""Where the command starts: Ctrl-C ends it silently while the rest is still being imported."""

from __future__ import annotations

# signal's compiled part: its Python part takes a millisecond to import, in which Ctrl-C would
# still end in a traceback.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    from costmodel.cli.process import guarded

    return guarded(lambda: _known_or_run(sys.argv[1:]))


def leave(_number: int, _frame: object) -> None:
    """End the process at once: a handler of SIGINT while there is nothing to clean up."""
    os._exit(INTERRUPTED)


def _known_or_run(words: list[str]) -> int:
    from costmodel.cli.answers import answered, keeping

    return 0 if answered(words) else keeping(words, lambda: _run(words))


def _run(words: list[str]) -> int:
    import atexit
    import gc

    from costmodel.cli.main import run_words

    # Imports and traces are many objects and hardly any cycles: looking for these takes a tenth,
    gc.set_threshold(500_000, 50, 100)
    # and a third of a second more when the interpreter ends, unless it need not look at them.
    atexit.register(gc.freeze)
    return run_words(words)
