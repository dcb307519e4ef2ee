"""What several CPUs share in an answer, and what that costs, as text of at most 76 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from costmodel.config.sharing import SHARED
from costmodel.results.text.layout import shorten
from costmodel.results.text.numbers import fixed

if TYPE_CHECKING:
    from costmodel.config.workload import Workload
    from costmodel.cpus.contention import Contention
    from costmodel.experiment import Result

NOT_MODELLED = (
    "the scheduler, page faults that meet a writer, memory on the other socket, the anon_vma root "
    "lock, pid and tasklist locks"
)
"""What CPUs share in reality and nowhere here."""
_NAME = 34
_COLUMN = 10


def shared_sentence(workload: Workload, names: Sequence[str]) -> str:
    """Say who does what at once, what they share in the answer, and what the model lacks.

    ``names`` are the shared things that the operation visits there.
    """
    shared = ", ".join(name for name in SHARED if name in names) or "nothing that it visits"
    own = f" Each has for itself here: {', '.join(workload.unshared)}." if workload.unshared else ""
    return f"{_who(workload)} share {shared}.{own} Not modelled: {NOT_MODELLED}."


def crowd_remarks(results: Sequence[Result]) -> list[str]:
    """Return what is shared in the results of one machine, and how much all CPUs do together."""
    met = [result for result in results if result.contention is not None]
    if not met:
        return []
    names = {name for result in met if result.contention for name in result.contention.shared}
    workload = met[0].cell.workload
    if _shares_llc(workload):
        names.add("llc")
    layouts = {result.cell.workload.layout for result in met}
    sentences = []
    for result in met:
        where = f" ({result.cell.workload.layout})" if len(layouts) > 1 else ""
        sentences.append(f"{throughput_sentence(result)}{where}")
    return [shared_sentence(workload, sorted(names)), f"{'; '.join(sentences)}."]


def _shares_llc(workload: Workload) -> bool:
    return "llc" not in workload.unshared and (workload.others == "same" or workload.cpus > 1)


def _who(workload: Workload) -> str:
    processes = f"{workload.cpus} process{'es' * (workload.cpus > 1)}"
    if workload.threads == 1:
        return f"{processes}, each on a CPU of its own,"
    doing = {
        "same": "all doing the same",
        "busy": "the others in user code",
        "idle": "the others asleep",
    }[workload.others]
    return f"{processes} of {workload.threads} threads, {doing},"


def throughput_sentence(result: Result) -> str:
    """Return how much all CPUs do together, against one alone; empty for a lone CPU."""
    found = result.contention
    if found is None:
        return ""
    return (
        f"{result.cell.strategy}: {rate(found.throughput_per_s)} operations per second on "
        f"{found.workers} CPU{'s' * (found.workers > 1)}, {fixed(found.speedup, room=6)} times one "
        "alone"
    )


def rate(per_s: float) -> str:
    """Return operations per second with three digits or more.

    >>> rate(612288.4), rate(6.0449)
    ('612288', '6.04')
    """
    return f"{per_s:.0f}" if per_s >= 100 else f"{per_s:.3g}"


def shared_table(base: Contention, new: Contention) -> str:
    """Return waiting, queue and utilisation of every shared thing for two strategies."""
    lines = [
        "What the CPUs share, without noise (base, new):",
        f"{'':{_NAME - 8}}{'waiting, us/op':>18}{'queue, CPUs':>16}{'in use, %':>16}",
        f"{'':{_NAME - 8}}" + "".join(f"{name:>{room}}" for name, room in _HEADS),
    ]
    lines += [_line(name, base, new) for name in _used(base, new)]
    lines.append(
        f"{'operations per second, all CPUs':<{_NAME}}"
        f"{rate(base.throughput_per_s):>{_COLUMN}}{rate(new.throughput_per_s):>{_COLUMN}}"
    )
    lines.append(
        f"{'times one CPU alone':<{_NAME}}"
        f"{fixed(base.speedup, room=6):>{_COLUMN}}{fixed(new.speedup, room=6):>{_COLUMN}}"
    )
    return "\n".join(lines)


_HEADS = (("base", 9), ("new", 9), ("base", 8), ("new", 8), ("base", 8), ("new", 8))


def _used(base: Contention, new: Contention) -> Iterator[str]:
    yield from (name for name in SHARED if name in base.shared or name in new.shared)


def _line(name: str, base: Contention, new: Contention) -> str:
    columns = ""
    for scale, attribute, room in (
        (1e-3, "waiting_ns", 9),
        (1, "queue", 8),
        (100, "utilisation", 8),
    ):
        for side in (base, new):
            use = side.shared.get(name)
            value = "" if use is None else fixed(scale * getattr(use, attribute), room=room - 1)
            columns += f"{value:>{room}}"
    return f"{shorten(name, _NAME - 9):<{_NAME - 8}}{columns}"
