"""The functions that scripts and notebooks call: price a strategy, compare several, draw them.

Everything here is also an attribute of the package: ``costmodel.price(...)``.

The arguments that describe a question have one meaning in all functions. ``None`` means that the
scenario, or the default, decides.

* ``machine``, ``machines``: the name of a shipped machine, the path of a machine file, or what
  ``machine()`` returned. ``strategy``, ``strategies``, ``baseline``, ``vs``: names as
  ``costmodel strategies`` lists them, or ``file.py:function`` for one of your own.
* ``order``, ``orders``: the folio order, 0 or 2 to 9, or a mix of orders with their shares of the
  memory, ``{0: "50%", 4: "50%"}``. ``memory``: the size of the mapping, as text (``"1 GiB"``) or
  in bytes. ``state``: how the operation finds the PTEs. ``frames``: how the folios lie in physical
  memory.
* ``operation``: ``fork`` (the default), ``zap``, ``mprotect``, ``mremap`` or ``spawn``.
* ``contpte``: True takes only strategies whose kernel uses the contiguous bit, False only the
  others. ``build``: the kernel build that is priced, such as ``gcc13-distro``.
* ``cpus``: processes that do the same at the same time. ``threads``: threads of each process.
* ``runs``, ``iterations``: how many independent runs are simulated and how many operations each of
  them times. ``seed``: of the random streams. They matter only with ``noise=True``.
* ``overrides``: numbers that differ from the machine files, by their dotted key, and keys of
  scenario files that are no argument (``{"vmas": 1000}``, ``{"mapped": "pmd"}``).
* ``jobs``: how many processes share the work. Answers do not depend on it.

The keys of scenario files have the same names and are described in docs/scenario-file.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import isfunction
from os import PathLike
from typing import TYPE_CHECKING

from costmodel.api_sweep import sweep
from costmodel.arguments import (
    MachineLike,
    Number,
    Order,
    all_but,
    check_count,
    check_flag,
    check_operation,
    machine_of,
    question_of,
)
from costmodel.config.errors import ConfigError, describe
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, matched, run_cell
from costmodel.ineffective import ineffective_by_machine
from costmodel.operations.registry import DEFAULT
from costmodel.plan import plan
from costmodel.signatures import as_text, make_readable
from costmodel.strategies.catalogue import built_in
from costmodel.studies import Price, Study, study_of

if TYPE_CHECKING:
    from costmodel.explaining.sensitivity import Sensitivity
    from costmodel.results.plots.picture import Picture


def machine(
    name: MachineLike,
    *,
    rename: str | None = None,
    changes: Mapping[str, Number] | None = None,
) -> Machine:
    """Return a machine, if wanted with some of its numbers changed.

    ``changes`` maps dotted keys of machine files (docs/machine-file.md lists them with their units)
    to new values. ``rename`` gives the changed machine a name of its own, which tables then show:
    a machine that does not exist should not go by the name of one that does.

        >>> ranged = machine("ampere-altra", rename="ranged", changes={"tlbi.range": True})
        >>> ranged.name, ranged.tlbi.range.value
        ('ranged', True)

    Raises ConfigError for an unknown machine or key, a value outside the bounds of its key, values
    that contradict each other, or a name with more than lower-case letters, digits, dots and
    hyphens.
    """
    made = machine_of(name).with_values(changes or {}, origin="changes")
    return made if rename is None else made.renamed(rename)


def study(
    scenario: str | PathLike[str] | None = None,
    *,
    machines: MachineLike | Sequence[MachineLike] | None = None,
    strategies: str | Sequence[str] | None = None,
    orders: Order | Sequence[Order] | None = None,
    baseline: str | None = None,
    title: str | None = None,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | Sequence[int] | None = None,
    build: str | None = None,
    threads: int | Sequence[int] | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
    noise: bool = True,
    jobs: int = 1,
) -> Study:
    """Price strategies on machines and folio layouts, and compare each with a baseline.

    ``scenario`` is the name of a shipped scenario or the path of a scenario file. Arguments replace
    what it says; None leaves it as it is. ``overrides`` are numbers that differ from the machine
    files (``{"ampere-altra.tlbi.range": True}``); they are applied after those of the scenario.
    Without a scenario the question is fork of 1 GiB of order-0 folios on the Ampere Altra, all
    strategies against ``v6.7``; another operation has its own default baseline, the first of
    :func:`strategy_names`. ``noise=False`` leaves the simulated runs out and gives exact times.

        >>> small = study(machines="xeon-4210r", strategies="folio-batch-v6.9", orders=[0, 9],
        ...               memory="2 MiB", noise=False)
        >>> small["xeon-4210r", "folio-batch-v6.9", 9].change.mean_pct < 0
        True

    ``print(small)`` shows the table, ``small.picture().save("change.svg")`` writes a picture.
    Raises ConfigError, which lists every fault of the question at once.
    """
    wanted = all_but(locals(), "scenario", "machines", "overrides", "noise", "jobs")
    check_flag("noise", noise)
    check_count("jobs", jobs)
    asked, loaded = question_of(scenario, machines, wanted, overrides)
    return study_of(asked, loaded, noise=noise, jobs=jobs)


table = as_text(study, "table")


def price(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
    noise: bool = False,
) -> Price:
    """Return what one strategy costs on one machine.

    The answer has the exact time in nanoseconds per PTE (``ns_per_pte``), split by cause
    (``stack_ns_per_pte``) and by part of the operation (``segments_ns_per_pte``), and how many
    micro-ops of each kind are executed per PTE (``micro_ops_per_pte``). The times include what the
    operation does outside its loop over page tables, spread over the PTEs. Printed, the answer is
    one line, followed by the reasons not to trust the number (``cautions``), if there are any.

        >>> cost = price("ampere-altra", "folio-batch-v6.9", order=9, memory="2 MiB")
        >>> cost.ptes, cost.micro_ops_per_pte["rmw"] > 3  # exclusive, mapcount, write-protect
        (512, True)

    ``noise=True`` simulates ``runs`` x ``iterations`` operations as well (``samples_ps``). Without
    other arguments the question is that of ``study()``. Raises ConfigError, which lists every fault
    of the question at once.
    """
    arguments = all_but(locals(), "noise")
    check_flag("noise", noise)
    return Price.of(run_cell(cell(**arguments), noise=noise))


def cell(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> Cell:
    """Return the question that ``price()`` answers, without answering it.

    A cell holds the machine, the workload, the strategy, the repetitions and the build. Parts of
    the package that are not exported take cells. Raises ConfigError as ``price()`` does.
    """
    rest = all_but(locals(), "machine", "strategy", "order", "overrides")
    wanted = {"strategies": [strategy], "baseline": strategy, "orders": [order]} | rest
    asked, loaded = question_of(None, [machine], wanted, overrides, called=_ONE)
    return plan(asked, loaded).cells[0]


_ONE = {
    "machines": "machine",
    "strategies": "strategy",
    "baseline": "strategy",
    "orders": "order",
}
"""Arguments of functions that ask about one strategy, by those of :func:`study`."""


def explain(
    machine: MachineLike,
    strategy: str,
    *,
    vs: str | None = None,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> str:
    """Return as text why ``strategy`` costs more or less than ``vs``.

    The text is what ``costmodel explain`` prints (docs/explain.md shows one): where the time of
    both goes, which micro-ops differ, and what the difference comes from. ``vs`` is a strategy of
    the same operation; None stands for the operation's default baseline. Raises ConfigError, which
    lists every fault of the question at once.
    """
    arguments = all_but(locals(), "strategy", "vs")
    from costmodel.checking.verdict import verdicts_of
    from costmodel.explaining.attribution import explained as attribute
    from costmodel.results.text.explanation import explanation_text

    new = cell(strategy=strategy, **arguments)
    first = strategy_names(new.workload.operation)[0]
    base = cell(strategy=first if vs is None else vs, **arguments)
    found = attribute(new, base)
    idle = ineffective_by_machine([found.base.result, found.new.result])[new.machine.name]
    verdicts = verdicts_of((new, base))
    text = explanation_text(found, idle=idle, verdicts=verdicts)
    return text.rstrip()


def sensitivity(
    machine: MachineLike,
    strategy: str,
    *,
    vs: str | None = None,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    overrides: Mapping[str, Number] | None = None,
    jobs: int = 1,
) -> Sensitivity:
    """Return which uncertain numbers of a machine decide a time, or a change against ``vs``.

    With ``vs`` the answer is the change of the time in percent, without it the time in nanoseconds
    per PTE. Every number that is not known exactly is moved over its range, alone and together with
    the others. ``influences`` lists the numbers with their Sobol indices, the most important first.
    docs/sweep.md shows the same as a table. Some thousand machines are priced for it, which takes
    much longer than ``price()``. Raises ConfigError for a faulty question, or where no number of
    the machine is uncertain.
    """
    arguments = all_but(locals(), "strategy", "vs", "jobs")
    from costmodel.explaining.sensitivity import sensitivity_of

    check_count("jobs", jobs)
    baseline = None if vs is None else cell(strategy=vs, **arguments)
    return sensitivity_of(cell(strategy=strategy, **arguments), baseline, jobs=jobs)


def check(
    strategy: str,
    *,
    layouts: int = 200,
    contpte: bool = False,
    seed: int = 0,
    operation: str = DEFAULT,
) -> str:
    """Check whether a strategy keeps the guarantees of the kernel, and return the outcome as text.

    The strategy runs on chosen page tables and on ``layouts`` random ones (drawn with ``seed``).
    The text says ``ok``, or which guarantee is broken and on which small page table, as
    ``costmodel check`` prints it. ``contpte`` says that the kernel of a user's own strategy uses
    the contiguous bit; for built-in strategies it is known.

        >>> check("v6.7", layouts=0).startswith("v6.7: ok")
        True

    Raises ConfigError for an unknown strategy or operation, and for arguments out of range.
    """
    from costmodel.checking.check import check_strategy as run_check
    from costmodel.checking.check import describe_prices, standard_layouts
    from costmodel.checking.check import report_text as described
    from costmodel.checking.priced import mispriced
    from costmodel.checking.subjects import find_subjects
    from costmodel.mm.layouts import telling_layouts

    if not isinstance(strategy, str):
        raise ConfigError.of(
            "strategy", "must be a name, or file.py:function", got=describe(strategy)
        )
    check_count("layouts", layouts, least=0)
    check_count("seed", seed, least=0)
    check_flag("contpte", contpte)
    check_operation(operation)
    subjects = find_subjects([strategy], contpte=contpte, operation=operation)
    chosen = standard_layouts(layouts, seed)
    lines = []
    for subject in subjects:
        report = run_check(subject, chosen)
        lines.append(described(report))
        if report.passed:
            lines.append(describe_prices(mispriced(subject, telling_layouts())))
    return "\n".join(filter(None, lines))


def window(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    ptes: int = 2,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> Picture:
    """Return a picture of the out-of-order window over ``ptes`` page-table entries.

    Each micro-op is a row, from its dispatch to its retirement: the picture shows which of them
    waits for which. Without ``build`` it shows the build in which ``study()`` shows the strategy
    beside the operation's default baseline. ``save()`` writes it as SVG or PNG, notebooks show it.
    Raises ConfigError for a faulty question, and for more micro-ops than a picture can hold.
    """
    arguments = all_but(locals(), "strategy", "ptes")
    from costmodel.results.plots.draw import draw_window

    check_count("ptes", ptes)
    new = cell(strategy=strategy, **arguments)
    # Neither may keep the baseline from being there: its build is the only thing it is asked for.
    first = strategy_names(new.workload.operation)[0]
    base = cell(strategy=first, **arguments | {"contpte": None, "build": None})
    return draw_window(matched(new, base).new, ptes=ptes)


def strategy_names(operation: str = DEFAULT) -> list[str]:
    """Return the names of the built-in strategies of an operation, the default baseline first.

        >>> strategy_names("mprotect")[:2]
        ['v6.12', 'folio-batch-v6.17']

    Raises ConfigError for an unknown operation.
    """
    check_operation(operation)
    return list(built_in(operation))


__all__ = [
    "ConfigError",
    "Study",
    "cell",
    "check",
    "explain",
    "machine",
    "price",
    "sensitivity",
    "strategy_names",
    "study",
    "sweep",
    "table",
    "window",
]

make_readable(value for name in __all__ if isfunction(value := globals()[name]))
