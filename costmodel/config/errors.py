"""The error of wrong inputs: it lists every fault at once, one per line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from costmodel.config.terms import meaning_of

_LONGEST_VALUE = 60
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""What Python says of a function or an object, and what no two runs have in common."""
MOST_FAULTS = 50
"""How many faults a message shows. Where there are more, the first ones show their common cause."""
_MOST_NAMES = 30


@dataclass(frozen=True, order=True)
class Fault:
    """One fault of an input, printed as ``file:line:col: key: reason (got ...)``.

    ``file`` is a path, the name of an option such as ``--set``, or of an argument. ``line`` and
    ``col`` count from 1; line 0 means that the input has no lines (an option, a missing file).
    ``got`` is the offending value, ready to print (see :func:`describe`); if it is empty, the
    bracket is left out.

    >>> str(Fault("mine.yaml", 3, 1, "core.width", "must be an integer", "'four'"))
    "mine.yaml:3:1: core.width: must be an integer (got 'four')"
    """

    file: str
    line: int = 0
    col: int = 0
    key: str = ""
    reason: str = ""
    got: str = ""

    def __str__(self) -> str:
        """Return the fault as one line of printable text."""
        place = f"{self.file}:{self.line}:{self.col}" if self.line else self.file
        text = ": ".join(part for part in (place, self.key, self.reason) if part)
        text += f" (got {self.got})" if self.got else ""
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class ConfigError(Exception):
    """Raised for an input that cannot be used, with every fault that was found in it.

    ``faults`` is a list of :class:`Fault`, sorted by file and line and never empty. The text of the
    error has one fault per line; of many it shows only the first ones and the number of the rest.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Create the error of ``faults``; equal ones are kept once."""
        self.faults = sorted(set(faults))
        super().__init__("\n".join(self.lines()))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[list[Fault]]]:
        """Let worker processes raise it: by default only its text would be sent back."""
        return type(self), (self.faults,)

    def lines(self) -> list[str]:
        """Return the faults as lines of text."""
        more = len(self.faults) - MOST_FAULTS
        shown = [str(fault) for fault in self.faults[:MOST_FAULTS]]
        return [*shown, f"... and {more} more faults"] if more > 0 else shown

    @classmethod
    def of(cls, file: str, reason: str, *, key: str = "", got: str = "") -> ConfigError:
        """Return an error with one fault, which has no line; ``file`` is its place."""
        return cls([Fault(file, key=key, reason=reason, got=got)])


class Faults:
    """Collects the faults of independent checks, so that all of them are told at once.

        faults = Faults()
        with faults.collected():
            machine = load_machine(name)
        with faults.collected():
            target = output(file)
        faults.tell()

    ``found`` holds the faults. What the blocks set can be used after ``tell`` has not raised.
    """

    def __init__(self, found: Iterable[Fault] = ()) -> None:
        """Begin with the faults of ``found``."""
        self.found = list(found)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Collect the faults of the block, which ends at the first ConfigError."""
        try:
            yield
        except ConfigError as error:
            self.found += error.faults

    def tell(self) -> None:
        """Raise ConfigError with all faults, if there are any."""
        if self.found:
            raise ConfigError(self.found)


def describe(value: object) -> str:
    """Return an offending value for a message: shortened, with its type unless quotes show it.

    >>> describe("four"), describe(4)
    ("'four'", '4, an int')
    """
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case tuple():
            return "a tuple"
        case bool():
            return "true" if value else "false"
    text = _ADDRESS.sub("", repr(value))
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 4] + "..."
    if isinstance(value, str):
        return text
    article = "an" if type(value).__name__[0] in "aeiou" else "a"
    return f"{text}, {article} {type(value).__name__}"


_ASKED_WITH = ("operation", "scenario", "key")
"""Kinds of names for which people put the words that they know from elsewhere."""


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Return the reason for an unknown name: it suggests the nearest known one, or lists them all.

    ``what`` is what the name should be one of. More than 30 names are not listed. An operation, a
    scenario or a key may be named by a word that means something else here, or that is not
    modelled. The reason then explains the word (:mod:`costmodel.config.terms`), unless a known key
    begins with it.

    >>> unknown("machine", "ampere-altro", ["ampere-altra", "xeon-4210r"])
    "unknown machine, did you mean 'ampere-altra'?"
    >>> unknown("key", "runs", ["cpus", "protocol.runs"])
    "unknown key, did you mean 'protocol.runs'?"
    >>> unknown("key", "caches.l1.size", ["caches.l1.size_bytes", "memory"])
    "unknown key, did you mean 'caches.l1.size_bytes'?"
    >>> unknown("strategy", "v6.12", ["v6.8", "contpte-folio-v6.12", "folio-v6.12"])
    "unknown strategy, did you mean 'folio-v6.12'?"
    """
    names = sorted(known)
    longer = [each for each in names if "." in str(name) and each.startswith(f"{name}_")]
    meaning = meaning_of(name) if what in _ASKED_WITH and not longer else None
    if meaning is not None:
        return f"unknown {what}: {meaning}"
    inner = longer or [each for each in names if each.rpartition(".")[2] == name]
    inner = inner or [each for each in names if len(str(name)) > 2 and each.endswith(f"-{name}")]
    near = inner or difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if near:
        return f"unknown {what}, did you mean '{min(near, key=len)}'?"
    if len(names) > _MOST_NAMES:
        return f"unknown {what}"
    return f"unknown {what}, known: {', '.join(names) or 'none'}"
