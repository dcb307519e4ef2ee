"""Reads ``/proc/PID/smaps``, or a copy of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from costmodel.config.errors import ConfigError, Fault, describe

_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ \S+ \d+\s*(.*)")
_VALUE = re.compile(r"(\w+):\s+(\d+) kB")
_OTHER = re.compile(r"(THPeligible|VmFlags|ProtectionKey):.*")
_KIB = 1 << 10


@dataclass
class Mapping:
    """One mapping (VMA); ``sizes`` are in bytes, by the names of smaps such as ``Anonymous``."""

    start: int
    end: int
    rights: str
    name: str
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def copied(self) -> bool:
        """Whether fork copies its entries: it is private and holds anonymous memory."""
        return self.rights.endswith("p") and self.sizes.get("Anonymous", 0) > 0


def read_mappings(text: str, file: str) -> list[Mapping]:
    """Return the mappings in a text of smaps; raise ConfigError with all lines of other forms.

    Of a text without a single mapping that is the first one.
    """
    found: list[Mapping] = []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.fullmatch(line):
            start, end = int(head[1], 16), int(head[2], 16)
            found.append(Mapping(start, end, head[3], head[4]))
        elif found and (value := _VALUE.fullmatch(line.strip())):
            found[-1].sizes[value[1]] = _KIB * int(value[2])
        elif line.strip() and not (found and _OTHER.fullmatch(line)):
            reason = "is no line of /proc/PID/smaps"
            faults.append(Fault(file, number, 1, reason=reason, got=describe(line.strip())))
    if faults:
        raise ConfigError(faults if found else faults[:1])
    if not found:
        raise ConfigError.of(file, "holds no mapping")
    return found
