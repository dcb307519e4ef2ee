"""Read a profile that perf printed, in any form that :mod:`costmodel.profile` knows."""

from __future__ import annotations

from pathlib import Path

from costmodel.config.errors import ConfigError, describe
from costmodel.config.yaml_text import bounded, decoded
from costmodel.profile import report, script
from costmodel.profile.stacks import Profile

_PERF_DATA = b"PERFILE2"
_LARGEST_BYTES = 1 << 30
_FIRST_LINES = 200


def read_profile(path: Path, *, event: str | None = None, comm: str | None = None) -> Profile:
    """Return the profile in a file that ``perf report --stdio`` or ``perf script`` has written.

    ``event`` chooses one of several recorded events; without it the event with the most samples is
    taken. With ``comm`` only the time of this command is kept, and shares are of that time. Raises
    ConfigError with every line that cannot be read, for an event or command that is not in the
    file, and for a ``perf.data`` recording, which perf has to print first.
    """
    text = _text(path)
    if report.is_report(text):
        found = report.read_report(text, str(path), event)
    elif script.is_script(text.splitlines()[:_FIRST_LINES]):
        found = script.read_script(text, str(path), event)
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
