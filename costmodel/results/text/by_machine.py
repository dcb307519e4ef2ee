"""One line for each machine, the largest gain first: which of them a strategy suits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from costmodel.results.document import ResultFile, column_title, unique
from costmodel.results.records import ResultCell
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.mail import mail_head, model_legend
from costmodel.results.text.numbers import interval_text, nanoseconds, percent

_LEGEND = (
    "change: of run time, in the build with the median change. ns/PTE: of the strategy, and of the "
    "baseline in the same build. Machines whose intervals overlap may be in another order."
)


def by_machine(results: ResultFile) -> str:
    """Return a table for each strategy and folio layout, as plain ASCII of at most 76 columns."""
    parts = [mail_head(results), *map(_table, _compared(results)), _remarks(results)]
    parts += [paragraph(verdict, hanging="  ") for verdict in results.verdicts]
    parts.append(paragraph(f"{_LEGEND} {model_legend(results.cells)}"))
    return ascii_only("\n\n".join(filter(None, parts))) + "\n"


def _compared(results: ResultFile) -> Iterator[list[ResultCell]]:
    """Yield the cells of each strategy but the baseline on each layout, the largest gain first."""
    for column in results.columns:
        for strategy in results.strategies:
            found = [c for c in results.cells if (c.column, c.strategy) == (column, strategy)]
            if found and not found[0].is_baseline:
                yield sorted(found, key=lambda cell: cell.change_pct.mean)


def _table(cells: Sequence[ResultCell]) -> str:
    first = cells[0]
    jumps = ", ".join(cell.machine for cell in cells if cell.model_change_jumps)
    caution = f"caution: within the ranges of a machine's numbers the change jumps on {jumps}"
    base = shorten(first.baseline, 11)
    head = f"{'machine':<24}{'change':>9}{'model, 90%':>20}{'ns/PTE':>9}{base:>12}"
    title = f"{first.strategy} against {first.baseline}, {column_title(first.column)}"
    lines = [paragraph(title, hanging="  "), head, *map(_line, cells)]
    return "\n".join(lines + ([paragraph(caution, hanging="  ")] if jumps else []))


def _line(cell: ResultCell) -> str:
    model, base = cell.model_interval_pct90, cell.baseline_seconds
    return (
        f"{shorten(cell.machine, 23):<24}{percent(cell.change_pct.mean):>9}"
        f"{'' if model is None else interval_text(*model):>20}{nanoseconds(cell.ns_per_pte):>9}"
        f"{'' if base is None else nanoseconds(base * 1e9 / cell.ptes):>12}"
    )


def _remarks(results: ResultFile) -> str:
    """Return what must stand beside the machines, each sentence once, with those that it is of."""
    of = {
        remark: [name for name, said in results.machine_remarks.items() if remark in said]
        for remark in unique(text for said in results.machine_remarks.values() for text in said)
    }
    texts = [f"{', '.join(machines)}: {remark}" for remark, machines in of.items()]
    texts += [
        f"{left.machine}: left out, {left.reason}: {', '.join(left.strategies)}."
        for left in results.left_out
    ]
    return "\n".join(paragraph(text, hanging="  ") for text in texts)
