"""What a change of a loop means for the whole job: Amdahl's law, with the intervals of the share
and of the change."""

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

    Changes are in percent. The change of the job is the share times the change of the loop; its
    interval goes from the least to the largest product of an end of the share's interval and an end
    of the loop's.

    >>> consequence("fork", "order0", Share(0.5, 0.4, 0.6), -10.0, (-12.0, -8.0)).job_pct
    -5.0
    """
    products = [part * end + 0.0 for part in (share.low, share.high) for end in loop_interval]
    job = (min(products), max(products))
    return Consequence(
        operation, layout, loop_pct, loop_interval, share.share * loop_pct + 0.0, job
    )


def together(found: Sequence[Consequence]) -> tuple[float, Interval]:
    """Return the change of the job in percent when several loops change, and its 90 % interval.

    Changes and ends of intervals are summed, as if the errors of all loops went the same way.
    """
    low = sum(each.job_interval[0] for each in found)
    high = sum(each.job_interval[1] for each in found)
    return sum(each.job_pct for each in found), (low, high)
