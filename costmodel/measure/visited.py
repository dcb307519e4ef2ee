"""Which CPUs a session visits in turn, and what it says where they are not alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

MOST = 4
"""A session has few rounds: more CPUs than this would be visited once or never."""
UNLIKE_PCT = 4.0
"""CPUs of one kind that differ by more are said: rounds of one CPU lie within 1 to 2 percent."""
_CPUS = "sys/devices/system/cpu"


def cpus_to_visit(allowed: Iterable[int], root: Path = Path("/")) -> list[int]:
    """Return some CPUs of the fastest kind on one memory node, spread over all of them.

    A single CPU may be slower than its neighbours all the time: in a guest because of what shares
    its core on the host. Two sessions that each meet the same few CPUs agree.
    """
    found = sorted(allowed)
    for group in (_fastest(found, root), *_nodes(root)):
        common = [cpu for cpu in found if cpu in group]
        # Of the nodes only the first that has some of them counts.
        if common and len(common) < len(found):
            found = common
    step = -(-len(found) // MOST)
    return found[::step]


def cpu_list(text: str) -> list[int]:
    """Return the numbers in a list as /sys writes it: ``0-3,8``."""
    found: list[int] = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found += range(int(first), int(last or first) + 1)
    return found


def unlike_cpus(by_name: Mapping[str, Mapping[int, float]]) -> list[str]:
    """Return what one CPU takes longer for than another, a phrase each.

    ``by_name``: for each experiment that needs nothing but a core, cycles by CPU.
    """
    found = []
    for name, cycles in by_name.items():
        if len(cycles) < 2:
            continue
        least, most = min(cycles, key=cycles.__getitem__), max(cycles, key=cycles.__getitem__)
        more_pct = 100 * (cycles[most] / cycles[least] - 1)
        if more_pct > UNLIKE_PCT:
            found.append(f"{name}: {more_pct:.0f} % more on CPU {most} than on CPU {least}")
    return found


def _fastest(allowed: Sequence[int], root: Path) -> set[int]:
    """Return the CPUs of the fastest kind: Intel lists them, arm64 gives each a capacity."""
    performance = root / "sys/devices/cpu_core/cpus"
    if performance.exists():
        return set(cpu_list(performance.read_text()))
    capacity = {cpu: _capacity(root / _CPUS / f"cpu{cpu}/cpu_capacity") for cpu in allowed}
    return {cpu for cpu, value in capacity.items() if value == max(capacity.values())}


def _capacity(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _nodes(root: Path) -> list[set[int]]:
    nodes = sorted(root.glob("sys/devices/system/node/node[0-9]*/cpulist"))
    return [set(cpu_list(path.read_text())) for path in nodes]
