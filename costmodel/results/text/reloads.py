"""The loads that one of two builds executes more often than the other, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from costmodel.code.uops import Target
from costmodel.results.text.layout import paragraph, shorten
from costmodel.results.text.numbers import fixed

if TYPE_CHECKING:
    from costmodel.explaining.reloads import LoadPlace, Reload

_LABEL: Final = 28
_TARGETS: Final = {
    Target.SRC: "parent's table",
    Target.DST: "child's table",
    Target.PAGE: "struct page",
    Target.TABLEPAGE: "table's struct page",
    Target.STACK: "stack",
    Target.VMA: "VMA",
    Target.MM: "mm",
    Target.GLOBAL: "global data",
    Target.OTHER: "task, per-CPU data",
    Target.BUDDY: "buddy's struct page",
}
_HEAD: Final = (
    f"{'':{_LABEL}}{'loads':>24}{'cost here, ns':>16}{'effect':>8}",
    f"{'':{_LABEL}}{'base':>8}{'new':>8}{'change':>8}{'base':>8}{'new':>8}{'ns':>8}",
)
_LEGEND: Final = (
    "A load from the stack is of what the compiler found no register for: '-> VMA' is one of a "
    "pointer into a VMA. What comes behind an atomic waits for its end on x86."
)


def reloads_text(reloads: Iterable[Reload]) -> str:
    """Return the table of loads that one build has more of, by what comes before them."""
    lines = ["Loads that one build has more of, per PTE:", *_HEAD]
    by_event: dict[str, list[Reload]] = {}
    for reload in reloads:
        by_event.setdefault(reload.place.behind, []).append(reload)
    for event, some in by_event.items():
        lines.append(f"behind {event}:" if event else "at the beginning:")
        lines += [_line(reload) for reload in some]
    return "\n".join(lines) + "\n\n" + paragraph(_LEGEND)


def reloads_data(reloads: Iterable[Reload]) -> list[dict[str, Any]]:
    """Return the content of :func:`reloads_text` as plain data for JSON."""
    return list(map(_data, reloads))


def load_title(place: LoadPlace) -> str:
    """Return what is loaded: ``stack -> VMA`` for a pointer into a VMA that lies on the stack."""
    if place.points_to is None:
        return _TARGETS[place.target]
    return f"{_TARGETS[place.target]} -> {_TARGETS[place.points_to]}"


def _line(reload: Reload) -> str:
    numbers = (reload.base_count, reload.new_count, reload.base_ns, reload.new_ns)
    base, new, base_ns, new_ns = (f"{fixed(value, room=7):>8}" for value in numbers)
    change, effect = (
        f"{fixed(value, room=7, sign=True):>8}" for value in (reload.change, reload.effect_ns)
    )
    label = shorten(f"  {load_title(reload.place)}", _LABEL)
    return f"{label:<{_LABEL}}{base}{new}{change}{base_ns}{new_ns}{effect}"


def _data(reload: Reload) -> dict[str, Any]:
    place = reload.place
    return {
        "behind": place.behind,
        "target": place.target.name.lower(),
        "points_to": place.points_to.name.lower() if place.points_to is not None else None,
        "loads_per_pte": [reload.base_count, reload.new_count],
        "cost_ns_per_pte": [reload.base_ns, reload.new_ns],
        "effect_ns_per_pte": reload.effect_ns,
    }
