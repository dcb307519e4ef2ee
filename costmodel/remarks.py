"""The sentences that must stand beside the numbers of a machine.

They say which of its numbers were changed for this run, that it was never compared with a
measurement, and how many of its numbers are guesses.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from costmodel.config.crowd import Crowd
from costmodel.config.parameter import Parameter
from costmodel.config.resources import names
from costmodel.config.scenario import default_scenario
from costmodel.config.sharing import ONLY_MANY_CPUS
from costmodel.config.sizes import size_text
from costmodel.config.workload import states_of
from costmodel.operations.registry import DEFAULT, operation_named
from costmodel.published import Role, roles_of_times
from costmodel.quantity import ends_text, quantity
from costmodel.settings import Setting, settings_of_machine, settings_of_workload, what
from costmodel.uncertainty.choices import doubtful_choices
from costmodel.uncertainty.sampling import shares_by_number

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.parameter import ParameterLike
    from costmodel.config.workload import Workload
    from costmodel.experiment import Cell, Comparison

MANY = 0.5
"""A machine needs a caution if more than this share of its numbers is inferred, or if one number
decides as much of its widest interval."""
WIDE_PCT = 5.0
"""Points between both ends of an interval from which on it is worth saying what it is due to."""
TRIED = 5
"""How many numbers are tried as the one that decides the widest interval."""
NAMED = 4
"""How many inferred numbers the caution names."""
LONE_CPU = Crowd()


def remarks(cell: Cell, idle: Sequence[Setting] = ()) -> list[str]:
    """Return the sentences that must stand beside the numbers of a cell's machine.

    ``idle`` are the settings that change no time here.
    """
    return remarks_of([cell], idle)


def remarks_of(cells: Sequence[Cell], idle: Sequence[Setting] = ()) -> list[str]:
    """Return the same for several cells of one machine and operation.

    What is said of the numbers that are used is said of a cell with several CPUs, if there is one.
    """
    machine = cells[0].machine
    workloads = list(dict.fromkeys(cell.workload for cell in cells))
    most = next((workload for workload in workloads if workload.many_cpus), workloads[0])
    return [
        *_changed(machine),
        *idle_remarks(idle),
        *_never_compared(machine, workloads),
        *filter(None, [caution(machine, most.operation, most)]),
    ]


def _changed(machine: Machine) -> Iterator[str]:
    changes = [setting.change for setting in settings_of_machine(machine)]
    if changes:
        yield f"Changed for this run: {', '.join(changes)}."
    elif machine.name in names("machines") and not machine.is_shipped:
        yield (
            f"The numbers of {machine.name} are not those of the machine of that name that comes "
            "with costmodel: nothing published is about it."
        )


def idle_remarks(idle: Sequence[Setting]) -> Iterator[str]:
    """Yield one sentence that names the settings which change no time, if there are any.

    Those that say what holds anyway have a sentence of their own: times may depend on them.
    """
    same = [setting for setting in idle if setting.value == setting.default]
    without = [setting for setting in idle if setting not in same]
    for said, settings in (("So already", same), ("No time here depends on", without)):
        if settings:
            yield f"{said}: {', '.join(map(str, settings))}."


def _never_compared(machine: Machine, workloads: Sequence[Workload]) -> Iterator[str]:
    operation = workloads[0].operation
    of_operation = roles_of_times(machine, operation)
    by_workload = {on: roles_of_times(machine, operation, on) for on in workloads}
    roles = frozenset[Role]().union(*by_workload.values())
    new = (what(on, "memory", "frames") for on, found in by_workload.items() if not found)
    kinds = list(dict.fromkeys(new))
    page = None if machine.changes else machine.compared.get(operation)
    if page and not roles:
        yield (
            f"No published absolute {operation} time is of this machine; those measured on such a "
            f"machine, or on a guest of it, were compared ({page} says how far off they are)."
        )
    elif not of_operation:
        yield f"No absolute {operation} time of this machine was ever compared with a measurement."
    elif kinds:
        reports = of_operation == {Role.REPORT}
        compared = "reports of whole runs alone," if reports else "measurements, but"
        yield (
            f"Absolute {operation} times of this machine were compared with {compared} none "
            f"of {'this kind' if len(kinds) == 1 else 'these kinds'}: {'; '.join(kinds)}."
        )
    elif roles == {Role.REPORT}:
        yield (
            f"Absolute {operation} times of this machine were compared with reports of whole runs "
            "alone (docs/reports.md says how far off they are)."
        )
    if machine.fit is None:
        yield "Nothing was fitted on it: its intervals come from the bounds in its file."


def decided_by(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Name the number that decides most of the widest interval of a machine, if one does."""
    widest = max(comparisons, key=_width_pct)
    if _width_pct(widest) <= WIDE_PCT:
        return
    found = (key for key in _candidates(widest) if widest.share_of(key) >= MANY)
    for key in itertools.islice(found, 1):
        yield (
            f"caution: the widest interval is mostly due to {key} "
            f"({_known_of(widest.result.cell.machine, key)}); {_sensitivity_command(widest)} says "
            "how much of it"
        )


def _candidates(comparison: Comparison) -> list[str]:
    """Return the numbers that an answer follows best on the machines drawn, the best first.

    Of so few machines, one may follow by chance, and better than the one that decides.
    """
    cell = comparison.result.cell
    shares = shares_by_number(
        cell.machine, comparison.log_ratios, many_cpus=cell.workload.many_cpus
    )
    unused = operation_named(cell.workload.operation).words.unused_keys
    return sorted(shares.keys() - set(unused), key=lambda key: (-shares[key], key))[:TRIED]


def _width_pct(comparison: Comparison) -> float:
    low, high = comparison.known_pct
    return high - low


def _known_of(machine: Machine, key: str) -> str:
    """Return ``13.7 cycles, fitted, 5 to 22 possible``."""
    number = machine.parameters[key]
    if not isinstance(number, Parameter):
        return f"{number.value}, {number.kind}"
    said = f"{quantity(float(number.value), key)}, {number.kind}"
    low, high = ends_text(float(number.low), float(number.high), key)
    return said if low == high else f"{said}, {low} to {high} possible"


def _sensitivity_command(comparison: Comparison) -> str:
    """Return the command that asks about the same cell, with all that is not default."""
    cell, baseline = comparison.result.cell, comparison.baseline.cell
    words = ["costmodel", "sensitivity", cell.machine.name, cell.strategy]
    words += ["--vs", baseline.strategy, *options_of(cell.machine, cell.workload)]
    return shlex.join(words)


def options_of(machine: Machine, workload: Workload) -> list[str]:
    """Return the options of commands that ask about a workload on a machine of this name."""
    words = []
    if workload.operation != DEFAULT:
        words += ["--operation", workload.operation]
    if workload.operation != DEFAULT or workload.state != states_of(DEFAULT)[0]:
        words += ["--state", workload.state]
    if workload.folio_order is None:
        words += ["--order", f"{{{workload.layout}}}"]
    elif workload.folio_order:
        words += ["--order", str(workload.folio_order)]
    if workload.memory_bytes != default_scenario(workload.operation).memory:
        words += ["--memory", size_text(workload.memory_bytes)]
    off = machine.has_mitigations_off
    words += ["--set", "mitigations=off"] if off else []
    for setting in (*settings_of_machine(machine), *settings_of_workload(workload)):
        if not (off and setting.key.startswith("mitigations.")):
            words += ["--set", setting.assignment]
    return words


def used(machine: Machine, operation: str, crowd: Crowd = LONE_CPU) -> dict[str, ParameterLike]:
    """Return the numbers of a machine that an operation uses, by dotted key.

    Numbers that matter only where several CPUs work at once are there if ``crowd`` is such; prices
    of shootdowns only if an address space has several threads, or leaves CPUs in its mask.
    """
    left_out = operation_named(operation).words.unused_keys
    leaves = machine.shootdown.lazy_mask.value and crowd.placement == "moving"
    sends = crowd.threads > 1 or leaves
    return {
        key: p
        for key, p in machine.parameters.items()
        if key not in left_out and _felt(key, crowd, sends=sends) and not _no_limit(key, p)
    }


def _no_limit(key: str, parameter: ParameterLike) -> bool:
    """Tell whether a limit of the core is left out, so that the machine is modelled without it."""
    return key.startswith("core.") and parameter.source.startswith("not stated: no such")


def _felt(key: str, crowd: Crowd, *, sends: bool) -> bool:
    if not key.startswith(ONLY_MANY_CPUS):
        return True
    return crowd.many_cpus and (sends or not key.startswith("shootdown."))


def inferred(machine: Machine, operation: str, crowd: Crowd = LONE_CPU) -> list[str]:
    """Return the keys of the inferred numbers, the least certain (by interval) first."""
    numbers = used(machine, operation, crowd)
    found = {key: p for key, p in numbers.items() if _is_inferred(key, p)}
    return sorted(found, key=lambda key: (-_spread(found, key), key))


def caution(machine: Machine, operation: str, crowd: Crowd = LONE_CPU) -> str:
    """Return ``caution: 49 of 63 numbers of graviton3 that fork uses are inferred, ...``.

    The first keys of these follow, and the inferred choices (numbers that are a flag or a name)
    that decide times. Empty where at most half of the numbers are inferred and no such choice is.
    """
    keys, total = inferred(machine, operation, crowd), len(used(machine, operation, crowd))
    choices = doubtful_choices(machine)
    held = f"{'are' if len(choices) > 1 else 'is'} inferred: intervals hold the other choice too"
    if len(keys) <= MANY * total:
        return f"caution: {', '.join(choices)} of {machine.name} {held}" if choices else ""
    where = f"{operation} on several CPUs" if crowd.many_cpus else operation
    text = (
        f"caution: {len(keys)} of {total} numbers of {machine.name} that {where} uses are "
        f"inferred, not sourced, among them {', '.join(keys[:NAMED])} (see: costmodel machines "
        f"{machine.name})"
    )
    return f"{text}; {', '.join(choices)} {held}" if choices else text


def _is_inferred(key: str, parameter: ParameterLike) -> bool:
    """Tell whether somebody guessed a number.

    A default that the file does not state is a limit that is not modelled, and no guess; but for
    the prices of sharing, whose defaults are guesses of a range.
    """
    if parameter.kind != "inferred" or not parameter.source.startswith("not stated"):
        return parameter.kind == "inferred"
    is_number = isinstance(parameter, Parameter) and parameter.low < parameter.high
    return key.startswith(ONLY_MANY_CPUS) and is_number


def _spread(parameters: Mapping[str, ParameterLike], key: str) -> float:
    """Return the width of a parameter's interval as a share of its value.

    It is 0 for choices, and for the sizes of noise, which do not move an exact time.
    """
    parameter = parameters[key]
    if key.startswith("noise.") or isinstance(parameter.value, bool | str) or not parameter.value:
        return 0.0
    width: float = (parameter.high - parameter.low) / abs(parameter.value)
    return width
