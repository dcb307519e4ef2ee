"""What ``costmodel share`` prints: shares of a job, and what a change means for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from costmodel.results.text.layout import ascii_only, paragraph
from costmodel.results.text.numbers import fixed

if TYPE_CHECKING:
    from costmodel.profile.consequence import Consequence
    from costmodel.profile.shares import Share
    from costmodel.profile.stacks import Profile

_COMMANDS = 4


def shares_text(
    profile: Profile, shares: Mapping[str, Share], titles: Mapping[str, str], name: str
) -> str:
    """Return the share of each loop, at most 76 columns wide."""
    lines = [_head(profile, name), "", f"{'share of the job':36}{'%':>8}{'90 % interval':>18}"]
    for operation, share in shares.items():
        lines.append(f"{titles[operation]:36}{_percent(share.share)}{_interval(share)}")
    lines += ["", *_remarks(profile, shares)]
    return "\n".join(lines).rstrip() + "\n"


def consequences_text(found: Sequence[Consequence], case: str, questions: Sequence[str]) -> str:
    """Return what a strategy does to loops and to the job, at most 76 columns wide.

    ``questions`` say what each loop was priced for: ``fork, 1 GiB, writable``.
    """
    from costmodel.profile.consequence import together

    lines = ["", paragraph(case), ""]
    lines.append(f"{'change of run time, %':22}{'loop':>8}{'90 %':>18}{'job':>10}{'90 %':>18}")
    for each in found:
        low, high = each.loop_interval
        loop = f"{each.loop_pct:8.1f}{f'{low:.1f} .. {high:.1f}':>18}"
        lines.append(f"{each.operation:22}{loop}{_job(each.job_pct, each.job_interval)}")
    if len(found) > 1:
        total, interval = together(found)
        lines.append(f"{'together':48}{_job(total, interval)}")
    lines += ["", paragraph(f"Loops priced for: {'; '.join(dict.fromkeys(questions))}.")]
    return "\n".join(lines) + "\n"


def _head(profile: Profile, name: str) -> str:
    samples = "" if profile.samples is None else f"{profile.samples:,.0f} samples of "
    callers = "with callers" if profile.has_callers or profile.inclusive else "without callers"
    return paragraph(ascii_only(f"{name}: {profile.form}, {samples}{profile.event}, {callers}"))


def _remarks(profile: Profile, shares: Mapping[str, Share]) -> Iterator[str]:
    if not profile.is_of_time:
        yield paragraph(
            ascii_only(
                f"{profile.event} does not count time: these are no shares of the job's time, and "
                "what a change saves does not follow from them. Record with -e cycles."
            )
        )
    comms = [(comm, weight) for comm, weight in profile.comms.items() if comm]
    if len(comms) > 1 and profile.total:
        parts = [f"{comm} {100 * w / profile.total:.0f} %" for comm, w in comms[:_COMMANDS]]
        more = ", ..." if len(comms) > _COMMANDS else ""
        text = f"Of all that was recorded: {', '.join(parts)}{more}. --comm NAME looks at one."
        yield paragraph(ascii_only(text))
    seen = sum(stack.weight for stack in profile.stacks)
    if profile.total and seen < 0.98 * profile.total:
        text = f"{100 * (1 - seen / profile.total):.0f} % of the job is not in the text"
        if not all(share.share for share in shares.values()):
            text += ": a loop with a share of 0 may be in it"
        yield paragraph(f"{text}.")
    if not (profile.has_callers or profile.inclusive) and any(s.share for s in shares.values()):
        yield paragraph(
            "Without callers nobody knows for whom a function that several loops call has run: "
            "intervals go from what a loop alone calls to all of it. Record with perf record -g."
        )
    if profile.samples is None:
        yield paragraph("The text does not say how many samples there are: intervals lack that.")


def _percent(share: float) -> str:
    return f"{100 * share:8.1f}"


def _interval(share: Share) -> str:
    return f"{f'{100 * share.low:.1f} .. {100 * share.high:.1f}':>18}"


def _job(percent: float, interval: tuple[float, float]) -> str:
    low, high = interval
    ends = " .. ".join(fixed(end, room=8) for end in (low, high))
    return f"{fixed(percent, room=10):>10}{ends:>18}"
