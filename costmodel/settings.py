"""Finds and words what differs from the default in a cell: every table, picture and file says it.

A default is that of the scenario keys, and for numbers of a machine the value in its file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.config.frames import frames_text
from costmodel.config.sizes import size_text
from costmodel.config.workload import Workload, frames_of

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

_SAID_ANYWAY = ("operation", "memory_bytes", "folio_orders", "state")
"""Keys that the head of every table states, whether they are default or not."""


@dataclass(frozen=True)
class Setting:
    """A key of the workload, or a number of the machine, that differs from its default.

    ``default`` is the value where nothing is said: for a number of a machine (``of_machine``), the
    value in the machine file.
    """

    key: str
    value: Any
    default: Any
    of_machine: bool = False

    def __str__(self) -> str:
        """Return the setting in words; a machine's number as ``--set`` takes it.

        >>> str(Setting("cpus", 8, 1)), str(Setting("tlbi.range", True, False, of_machine=True))
        ('8 CPUs at once', 'tlbi.range=true')
        """
        match self.key, self.value:
            case "frames", frames:
                return frames_text(frames)
            case "frames_over", size:
                return f"frames over {size_text(size)}"
            case "mapped", by:
                return f"order-9 folios mapped by {by.upper()}s"
            case "holes", share:
                return f"{100 * share:g}% holes"
            case "vmas", vmas:
                return f"{vmas} VMA{'s' * (vmas > 1)}"
            case "cpus", cpus:
                return f"{cpus} CPU{'s at once' if cpus > 1 else ''}"
            case "threads", threads:
                return f"{threads} thread{'s' * (threads > 1)}"
            case "others", others:
                return f"other threads {others}"
            case "placement", placement:
                return f"{placement} threads"
            case "sockets", sockets:
                return f"sockets {'in turn' if sockets == 'spread' else 'one by one'}"
            case "folios", folios:
                return f"{folios} folios"
            case "between_us", between:
                return f"{between:g} us between operations"
            case "between_stdev_pct", stdev:
                return f"what lies between varies by {stdev:g} %"
            case "loop", loop:
                return f"loop {loop or 'of no name'}"
            case "unshared", names:
                return f"unshared {' '.join(names) or 'nothing'}"
            case key, bool(value) if not self.of_machine:
                return f"{key} {'on' if value else 'off'}"
            case key, str(value) if not self.of_machine:
                return f"{key} {value}"
        return f"{self.key}={_value(self.value)}"

    @property
    def assignment(self) -> str:
        """The setting as ``--set`` takes it: ``tlbi.range=true``, ``unshared=[llc]``."""
        if isinstance(self.value, tuple):
            return f"{self.key}=[{', '.join(self.value)}]"
        return f"{self.key}={_value(self.value)}"

    @property
    def change(self) -> str:
        """The setting, and for a machine what it replaces: ``tlbi.range=true (file: false)``."""
        return f"{self}{f' (file: {_value(self.default)})' if self.of_machine else ''}"

    def undone(self, machine: Machine, workload: Workload) -> tuple[Machine, Workload]:
        """Return machine and workload with this setting at its default."""
        if self.of_machine:
            return machine.restored(self.key), workload
        return machine, workload.model_copy(update={self.key: self.default})


def settings_of_workload(workload: Workload) -> Iterator[Setting]:
    """Yield the keys of a workload that are not at their default, in the order of its fields."""
    for key, info in Workload.model_fields.items():
        value = getattr(workload, key)
        default = frames_of(workload.operation) if key == "frames" else info.default
        if key not in _SAID_ANYWAY and value != default:
            yield Setting(key, value, default)


def settings_of_machine(machine: Machine) -> Iterator[Setting]:
    """Yield the numbers of a machine that differ from its file."""
    for key, (before, now) in machine.changes.items():
        yield Setting(key, now, before, of_machine=True)


def texts(machine: Machine, workload: Workload) -> list[str]:
    """Return everything that is not default, in words, for result files and pictures."""
    return [str(s) for s in (*settings_of_workload(workload), *settings_of_machine(machine))]


def what(workload: Workload, *without: str, layout: bool = False) -> str:
    """Return the workload as a heading: ``zap, 1 GiB, munmap, scattered frames``.

    It names everything that is not default, and frames that are not contiguous even where that is
    the default. ``without`` are keys to leave out because the reader finds them elsewhere
    (``memory``, ``state`` or settings); ``layout`` adds the folio orders.
    """
    words: list[str] = [workload.operation]
    words += [size_text(workload.memory_bytes)] if "memory" not in without else []
    words += [workload.state] if "state" not in without else []
    words += [workload.layout] if layout else []
    settings = {setting.key: str(setting) for setting in settings_of_workload(workload)}
    if workload.frames != "contiguous" and "frames" not in without:
        settings = {"frames": frames_text(workload.frames)} | settings
    return ", ".join([*words, *(text for key, text in settings.items() if key not in without)])


def machine_title(machine: Machine, room: int) -> str:
    """Return what a table of at most ``room`` characters calls a machine; a changed one says so."""
    return changed_title(machine.title, list(map(str, settings_of_machine(machine))), room)


def changed_title(machine: str, changes: Sequence[str], room: int) -> str:
    """Return a machine's title with the ``changes`` of its numbers, as far as there is room."""
    if not changes:
        return machine
    number = f"{len(changes)} number{'s' * (len(changes) > 1)} changed"
    titles = [f"{machine} ({said})" for said in (", ".join(changes), number, "changed")]
    return next((title for title in titles if len(title) <= room), titles[-1])


def _value(value: object) -> str:
    if isinstance(value, bool | int | str):
        return json.dumps(value).strip('"')
    return f"{value:g}"
