"""Where the command starts: Ctrl-C ends it silently while the rest is still being imported."""

from __future__ import annotations

import os
import signal

_INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    from costmodel.cli.main import main as run

    return run()


def leave(_number: int, _frame: object) -> None:
    """End the process at once: a handler of SIGINT while there is nothing to clean up."""
    os._exit(_INTERRUPTED)
