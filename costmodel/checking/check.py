"""Checks strategies on many layouts, and shows each broken guarantee on a small one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from costmodel.checking.draw import draw_memory
from costmodel.checking.priced import Announcement
from costmodel.checking.run import Subject, violations_on
from costmodel.checking.shrink import shrink
from costmodel.config.errors import ConfigError
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Layout
from costmodel.mm.layouts import telling_layouts
from costmodel.mm.random_layouts import random_layouts
from costmodel.mm.violations import Guarantee, Violation
from costmodel.operations.registry import operation_named
from costmodel.units import WIDTH

_SHOWN = 3
"""How many violations of one guarantee a report quotes."""


@dataclass(frozen=True, slots=True)
class Break:
    """A broken guarantee, on the layout where it was found and on the smallest one found."""

    guarantee: Guarantee
    found_on: Layout
    found: tuple[Violation, ...]
    """The violations on ``found_on``."""
    layout: Layout
    """The smallest layout found on which the guarantee is broken too."""
    violations: tuple[Violation, ...]
    """The violations on ``layout``."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What checking a strategy on ``layouts`` layouts found; without ``breaks`` it passed."""

    subject: Subject
    layouts: int
    breaks: tuple[Break, ...]

    @property
    def passed(self) -> bool:
        """Whether every guarantee was kept on every layout."""
        return not self.breaks


def standard_layouts(count: int, seed: int) -> list[Layout]:
    """Return the telling layouts and ``count`` random ones, drawn with ``seed``."""
    return [*telling_layouts(), *random_layouts(count, seed)]


def check_strategy(
    subject: Subject, layouts: Sequence[Layout], *, budget: int = 2000, as_given: bool = False
) -> CheckReport:
    """Run a strategy on each layout, and shrink the first layout that breaks each guarantee.

    ``budget`` is the largest number of runs for shrinking each of them. ``as_given``: exactly these
    layouts are checked; else the operation makes those that it needs of them. Raises ConfigError
    for a user's strategy that does not complete: it raises an exception, does not end, or ends the
    process it runs in.
    """
    first: dict[Guarantee, Layout] = {}
    if not as_given:
        layouts = operation_named(subject.operation).layouts(layouts)
    for layout in layouts:
        for violation in violations_on(subject, layout):
            first.setdefault(violation.guarantee, layout)
    breaks = tuple(
        _shrunk(subject, guarantee, layout, budget) for guarantee, layout in first.items()
    )
    return CheckReport(subject, len(layouts), breaks)


def _shrunk(subject: Subject, guarantee: Guarantee, found_on: Layout, budget: int) -> Break:
    def broken(layout: Layout) -> tuple[Violation, ...]:
        found = violations_on(subject, layout)
        return tuple(violation for violation in found if violation.guarantee is guarantee)

    def fails(layout: Layout) -> bool:
        with suppress(ConfigError):  # a smaller layout on which it does not complete shows less
            return bool(broken(layout))
        return False

    layout = shrink(found_on, fails, budget=budget)
    return Break(guarantee, found_on, broken(found_on), layout, broken(layout))


def report_text(report: CheckReport) -> str:
    """Return a report as text of at most 76 columns: one line, or a drawing for each break."""
    if report.passed:
        return f"{report.subject.name}: ok ({report.layouts} layouts)"
    lines = [f"{report.subject.name}: BROKEN"]
    drawn: set[str] = set()
    for fault in _worst_first(report.breaks):
        drawing = _drawing(fault, report.subject)
        lines += ["", *_describe_break(fault)]
        lines += ["", "  It is drawn above." if drawing in drawn else drawing]
        drawn.add(drawing)
    return "\n".join(lines)


def describe_prices(found: Sequence[Announcement]) -> str:
    """Return as indented text what is done and not priced, or priced and not done."""
    if not found:
        return ""
    text = "what is done is not what is priced (left out of the cost, or written by hand): "
    return textwrap.fill(
        text + "; ".join(map(str, found)), WIDTH, initial_indent="  ", subsequent_indent="    "
    )


def _worst_first(breaks: Iterable[Break]) -> list[Break]:
    """Return the breaks, those of batches first: other ones are often their consequence."""
    return sorted(breaks, key=lambda fault: fault.guarantee is not Guarantee.BATCH)


def _describe_break(fault: Break) -> list[str]:
    lines = [f"broken: {fault.guarantee.value}"]
    lines += _wrapped(f"on layout '{fault.found_on.name}'", fault.found)
    return lines + _wrapped("smallest layout found", fault.violations)


def _drawing(fault: Break, subject: Subject) -> str:
    """Return the smallest layout as it is drawn, with the pages where the guarantee is broken."""
    memory = build_memory(fault.layout, contpte=subject.contpte)
    return textwrap.indent(draw_memory(memory, fault.violations), "  ")


def _wrapped(title: str, violations: Sequence[Violation]) -> list[str]:
    """Return a title and the first violations below it, as lines of at most 76 columns."""
    lines = [f"  {title}:"]
    for violation in violations[:_SHOWN]:
        lines += textwrap.wrap(
            str(violation), WIDTH, initial_indent="    ", subsequent_indent="      "
        )
    if len(violations) > _SHOWN:
        lines.append(f"    and {len(violations) - _SHOWN} more")
    return lines
