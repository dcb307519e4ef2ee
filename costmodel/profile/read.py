"""Reads a profile that perf printed: ``perf report --stdio`` or ``perf script``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.yaml_text import bounded, decoded
from costmodel.profile import report
from costmodel.profile.stacks import Profile, Stack, chosen_event, named
from costmodel.units import GIB

FORM = "perf script"
_LONGEST_COMM = 63
"""Characters in the longest name of a command: that of a kernel thread (fs/proc/array.c:
proc_task_name). The names of other tasks have at most 15 characters (TASK_COMM_LEN)."""
_HEAD = re.compile(
    rf"(?P<comm>\S.{{0,{_LONGEST_COMM - 1}}}?)\s+"
    r"(?P<pid>-?\d{1,10})(?:/-?\d{1,10})?\s+(?:\[\d+\]\s+)?(?:[\w.]{4,6}\s+)?"
    r"(?:\d+\.\d+:\s*)?(?:(?P<period>\d{1,20})\s+)?(?P<event>[A-Za-z_]\S*?):(?:\s+(?P<rest>.*))?"
)
"""``comm pid[/tid] [cpu] flags time: period event: ...``; most of it can be left out with -F."""
_FRAME = re.compile(
    r"\s*(?P<ip>[0-9a-f]{4,16})\s+(?P<symbol>.+?)(?:\+0x[0-9a-f]+)?(?:\s+\(.*\))?\s*"
)


@dataclass
class _Sample:
    comm: str
    event: str
    period: float
    functions: list[str] = field(default_factory=list)
    frames: int = 0


def is_script(lines: Iterable[str]) -> bool:
    """Tell whether text is that of ``perf script``, from its first samples."""
    return any(_head(line) for line in lines)


def read_script(text: str, file: str, event: str | None = None) -> Profile:
    """Return the samples of ``event``; without it, those of the one that counts time.

    ``file`` is the name that faults give. Raises ConfigError with every line that is neither a
    sample nor a frame of one.
    """
    samples, faults = _samples(text, file)
    if faults:
        raise ConfigError(faults)
    by_event: dict[str, list[_Sample]] = {}
    for sample in samples:
        by_event.setdefault(sample.event, []).append(sample)
    if not by_event:
        raise ConfigError.of(file, "has no sample")
    chosen = chosen_event({name: len(samples) for name, samples in by_event.items()}, event)
    found = by_event[chosen]
    stacks = tuple(Stack(s.period, s.comm, named(s.functions)) for s in found)
    weights = [stack.weight for stack in stacks]
    total = sum(weights)
    return Profile(
        FORM,
        chosen,
        # Samples of unequal periods say as much as so many equal ones.
        total**2 / sum(weight**2 for weight in weights) if total else 0.0,
        stacks,
        has_callers=any(sample.frames > 1 for sample in found),
        total=total,
    )


def _samples(text: str, file: str) -> tuple[list[_Sample], list[Fault]]:
    samples: list[_Sample] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace() and (sample := _head(line)):
            samples.append(sample)
        elif line[0].isspace() and samples and (frame := _FRAME.fullmatch(line)):
            samples[-1].functions.append(frame["symbol"])
            samples[-1].frames += 1
        elif sample := _head(line.lstrip()):  # names shorter than the column are set to its right
            samples.append(sample)
        else:
            reason = "is neither a sample of perf script nor a frame of its call chain"
            faults.append(Fault(file, number, 1, reason=reason, got=describe(line.strip())))
    return samples, faults


def _head(line: str) -> _Sample | None:
    found = _HEAD.fullmatch(line.strip())
    if found is None:
        return None
    sample = _Sample(found["comm"], found["event"], float(found["period"] or 1))
    for symbol in _alone(found["rest"] or ""):
        sample.functions.append(symbol)
        sample.frames = 1
    return sample


def _alone(rest: str) -> Iterator[str]:
    """Yield the function of a sample without call chain, which stands in the same line."""
    frame = _FRAME.fullmatch(rest)
    if frame:
        yield frame["symbol"]


_PERF_DATA = b"PERFILE2"
_LARGEST_BYTES = GIB
_FIRST_LINES = 200


def read_profile(path: Path, *, event: str | None = None, comm: str | None = None) -> Profile:
    """Return the profile in a file that ``perf report --stdio`` or ``perf script`` has written.

    ``event`` chooses one of several recorded events; without it one that counts time is
    taken. With ``comm`` only the time of this command is kept, and shares are of that time. Raises
    ConfigError with every line that cannot be read, for an event or command that is not in the
    file, and for a ``perf.data`` recording, which perf has to print first.
    """
    text = _text(path)
    if report.is_report(text):
        found = report.read_report(text, str(path), event)
    elif is_script(text.splitlines()[:_FIRST_LINES]):
        found = read_script(text, str(path), event)
    else:
        reason = "is no text of `perf report --stdio` or `perf script`"
        raise ConfigError.of(str(path), reason)
    if comm is None:
        return found
    if comm not in found.comms:
        known = ", ".join(list(found.comms)[:10])
        raise ConfigError.of("--comm", f"must be one of {known}", got=describe(comm))
    return found.of_comm(comm)


def _text(path: Path) -> str:
    raw = bounded(path, _LARGEST_BYTES, pipes=True)
    if raw.startswith(_PERF_DATA):
        reason = "is a recording: give the text of `perf report --stdio -i` or `perf script -i`"
        raise ConfigError.of(str(path), reason)
    return decoded(raw, str(path))
