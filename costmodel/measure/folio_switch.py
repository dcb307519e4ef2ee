"""Switch sizes of anonymous folios on and off, and restore the old settings in every case.

A process of its own writes the settings. It restores them when its standard input ends, which
happens however the command ends, also when it is killed by a signal that cannot be caught. The file
is run as a script and imports nothing of this package.
"""

from __future__ import annotations

import signal
import sys


def switch_folios() -> None:
    """Read ``path value`` lines from standard input and write each value to its file; at the end of
    the input, write back what the files held before.
    """
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
