"""What is wrong with an input: one fault per line, every fault at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_VALUE = 60
MOST_FAULTS = 50
"""How many faults a message shows; more of them have one cause that the first ones show."""
_MOST_NAMES = 30


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in one input, printed as ``file:line:col: key: reason (got ...)``.

    ``file`` is a path or the name of an option such as ``--set``. ``line`` and ``col`` count from
    1; line 0 means that the input has no lines (an option, a missing file). ``got`` is ready to
    print (see :func:`describe`); empty leaves the bracket out.
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
    """An input that cannot be used; ``faults`` are sorted by file and line and never empty.

    Its text has one fault a line, of many only the first and how many there are.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep each distinct fault once."""
        self.faults = sorted(set(faults))
        super().__init__("\n".join(self.lines()))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[list[Fault]]]:
        """Let worker processes raise it: by default only the text would travel."""
        return type(self), (self.faults,)

    def lines(self) -> list[str]:
        """Return the faults as lines of text."""
        more = len(self.faults) - MOST_FAULTS
        shown = [str(fault) for fault in self.faults[:MOST_FAULTS]]
        return [*shown, f"... and {more} more faults"] if more > 0 else shown

    @classmethod
    def of(cls, file: str, reason: str, *, key: str = "", got: str = "") -> ConfigError:
        """Return an error of one fault without a line."""
        return cls([Fault(file, key=key, reason=reason, got=got)])


def describe(value: object) -> str:
    """Return ``'four', a str``: the offending value, shortened, and its type.

    >>> describe("four")
    "'four', a str"
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
    text = repr(value)
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 4] + "..."
    article = "an" if type(value).__name__[0] in "aeiou" else "a"
    return f"{text}, {article} {type(value).__name__}"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Return ``unknown machine, did you mean 'x'?``, or the known names where none is near.

    >>> unknown("machine", "ampere-altro", ["ampere-altra", "xeon-4210r"])
    "unknown machine, did you mean 'ampere-altra'?"
    >>> unknown("key", "runs", ["cpus", "protocol.runs"])
    "unknown key, did you mean 'protocol.runs'?"
    >>> unknown("strategy", "v6.12", ["v6.8", "contpte-folio-v6.12", "folio-v6.12"])
    "unknown strategy, did you mean 'folio-v6.12'?"
    """
    names = sorted(known)
    inner = [each for each in names if each.rpartition(".")[2] == name]
    inner = inner or [each for each in names if len(str(name)) > 2 and each.endswith(f"-{name}")]
    near = inner or difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if near:
        return f"unknown {what}, did you mean '{min(near, key=len)}'?"
    if len(names) > _MOST_NAMES:
        return f"unknown {what}"
    return f"unknown {what}, known: {', '.join(names) or 'none'}"
