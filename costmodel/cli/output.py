"""Where a command writes its results. It is checked before anything is computed whether the files
can be written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STDOUT = "-"


@dataclass(frozen=True)
class Output:
    """A place for a result. ``path`` is None where nothing is to be written, or to stdout."""

    path: Path | None
    is_stdout: bool = False

    def show(self, text: str) -> None:
        """Print what a reader wants, at once, so that a failed write later loses nothing.

        Nothing is printed where standard output is for the file alone.
        """
        if not self.is_stdout:
            print(text, end="", flush=True)

    def write(self, data: bytes) -> None:
        """Write the result, if it goes anywhere; raise OSError where that is not possible."""
        from costmodel.files import write_bytes
        from costmodel.store import depends_on_more

        depends_on_more()  # on the time, which files of results have in them
        if self.is_stdout:
            sys.stdout.write(data.decode())
        elif self.path is not None:
            write_bytes(self.path, data)

    def write_json(self, make: Callable[[], Mapping[str, Any] | Sequence[Any]]) -> None:
        """Write the document that ``make`` returns as JSON; call it only if it is written."""
        from costmodel.files import json_text

        if self.is_stdout or self.path is not None:
            self.write(json_text(make()).encode())


def output(
    file: str | None, *, option: str = "--json", inputs: Iterable[str | Path] = ()
) -> Output:
    """Return where ``option`` says that a result goes; None writes nothing.

    Raises ConfigError for a place that cannot be written to, and for one of the ``inputs``: they
    would be lost.
    """
    from costmodel.config.errors import ConfigError
    from costmodel.files import why_not

    if file is None:
        return Output(None)
    if file == STDOUT:
        return Output(None, is_stdout=True)
    reason = why_not(Path(file)) if file else "must not be empty"
    if not reason and any(_same(Path(file), Path(given)) for given in inputs):
        reason = "is an input of this command and would be lost"
    if reason:
        raise ConfigError.of(option, reason, got=repr(file))
    return Output(Path(file))


def outputs(
    files: Mapping[str, str | None], *, inputs: Iterable[str | Path] = ()
) -> tuple[Output, ...]:
    """Return where several options say that results go; ``files`` has their values in order.

    Raises ConfigError with every fault of each, and where two of them are one place.
    """
    from costmodel.config.errors import ConfigError, Fault

    places: list[Output] = []
    faults: list[Fault] = []
    taken: dict[str, str] = {}
    known = tuple(inputs)
    for option, file in files.items():
        if file and (other := taken.setdefault(os.path.abspath(file), option)) != option:
            faults.append(Fault(option, reason=f"is what {other} writes", got=repr(file)))
        try:
            places.append(output(file, option=option, inputs=known))
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return tuple(places)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
