"""What a cheaper price really saves, as text below CPI stacks and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.results.text.numbers import fixed

if TYPE_CHECKING:
    from costmodel.explaining.attribution import Explanation
    from costmodel.explaining.savings import Saving

_CAUSE = 27
_NUMBER = 11
_CLEAR = 0.1
"""Part of what the share says from which on a loss is more than what hides exactly."""


def savings_text(explanation: Explanation) -> Iterator[str]:
    """Yield a table of the causes whose shares mislead about a lower price; none where none do."""
    lines = [
        f"{f'{saving.cause}, {side}':<{_CAUSE}}{_percent(saving.said_pct)}"
        f"{_percent(saving.saved_pct)}  {_why(saving)}"
        for side, savings in (
            ("base", explanation.base.savings),
            ("new", explanation.new.savings),
        )
        for saving in savings
        if not saving.agrees
    ]
    if lines:
        heading = "Where a price a tenth lower does not save what its share says:"
        columns = f"{'':{_CAUSE}}{'share says':>{_NUMBER}}{'saves':>{_NUMBER}}"
        yield "\n".join([heading, columns, *lines])


def savings_data(savings: Sequence[Saving]) -> list[dict[str, Any]]:
    """Return the same as plain data, of every cause that was looked at."""
    return [
        {
            "cause": saving.cause,
            "share_says_pct": saving.said_pct,
            "saves_pct": saving.saved_pct,
            "agrees": saving.agrees,
        }
        for saving in savings
    ]


def _percent(value: float | None) -> str:
    if value is None:
        return f"{'-':>{_NUMBER}}"
    return f"{fixed(value, room=_NUMBER - 2)}%".rjust(_NUMBER)


def _why(saving: Saving) -> str:
    if saving.saved_pct is None:
        return "no such machine can be"
    if saving.saved_pct > saving.said_pct:
        return "it delays others, too"
    if saving.saved_pct < -_CLEAR * saving.said_pct:
        return "the rest takes longer then"
    return "it hides behind others"
