"""What a change of a loop means for the whole job: Amdahl's law, with both intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.profile.shares import Share

Interval = tuple[float, float]


@dataclass(frozen=True)
class Consequence:
    """How a strategy changes a loop and the job around it, in percent; negative is faster."""

    operation: str
    layout: str
    loop_pct: float
    loop_interval: Interval
    """Where 90 % of measurements of the loop should lie."""
    job_pct: float
    job_interval: Interval

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "operation": self.operation,
            "layout": self.layout,
            "loop_change_pct": self.loop_pct,
            "loop_interval_pct90": list(self.loop_interval),
            "job_change_pct": self.job_pct,
            "job_interval_pct90": list(self.job_interval),
        }


def consequence(
    operation: str, layout: str, share: Share, loop_pct: float, loop_interval: Interval
) -> Consequence:
    """Return what a change of ``loop_pct`` of a loop does to a job of which it is ``share``.

    The interval goes from the least to the largest product of the ends of both.
    """
    products = [part * end + 0.0 for part in (share.low, share.high) for end in loop_interval]
    job = (min(products), max(products))
    return Consequence(
        operation, layout, loop_pct, loop_interval, share.share * loop_pct + 0.0, job
    )


def together(found: Sequence[Consequence]) -> tuple[float, Interval]:
    """Return the change of the job in percent when all loops of one strategy change."""
    low = sum(each.job_interval[0] for each in found)
    high = sum(each.job_interval[1] for each in found)
    return sum(each.job_pct for each in found), (low, high)
