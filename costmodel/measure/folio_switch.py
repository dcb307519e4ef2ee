"""Switch sizes of anonymous folios on and off, and put them back in every case.

A process of its own does the writing and outlives the command: it puts everything back when its
standard input ends, which it does however the command ends, by a signal that nothing can catch too.
The file is run as it is and imports nothing of this package.
"""

from __future__ import annotations

import signal
import sys


def switch_folios() -> None:
    """Write ``path value`` lines as they come; at the end write what stood there before."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    before: dict[str, str] = {}
    now: dict[str, str] = {}
    for line in sys.stdin:
        path, value = line.split()
        print(_switch(path, value, before, now), flush=True)
    for path, value in before.items():
        if now[path] != value:
            _write(path, value)


def _switch(path: str, value: str, before: dict[str, str], now: dict[str, str]) -> str:
    try:
        if path not in before:
            before[path] = now[path] = _chosen(path)
        if now[path] != value:
            _write(path, value)
            now[path] = value
    except (OSError, ValueError) as error:
        return str(error)
    return "done"


def _chosen(path: str) -> str:
    """Return the word in brackets."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    return text[text.index("[") + 1 : text.index("]")]


def _write(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(value)


if __name__ == "__main__":
    switch_folios()
