"""What the system says about the machine in /proc and /sys, as far as they have it."""

from __future__ import annotations

import gzip
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from costmodel.strategies.likeness import build_facts
from costmodel.units import KIB

_UNITS = {"": 1, "K": KIB, "M": KIB**2, "G": KIB**3}
_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE
_DIRECT_MAPS = (
    ("DirectMap1G", KIB**3),
    ("DirectMap4M", 4 * KIB**2),
    ("DirectMap2M", 2 * KIB**2),
    ("DirectMap4k", 4 * KIB),
)


_HELPERS = (
    "pte_val", "__pte", "native_set_pte", "set_ptes", "pte_pfn", "pte_write", "pte_next_pfn",
    "pte_advance_pfn", "mksaveddirty_shift", "__ptep_modify_prot_start",
    "__ptep_modify_prot_commit",
)  # fmt: skip
"""Helpers that are inline in the recorded kernels, and often functions in kernels built with
CONFIG_PARAVIRT_XXL."""


@dataclass(frozen=True)
class System:
    """The machine as the running kernel describes it; what it does not say is None or empty."""

    isa: str
    model_name: str
    vendor: str
    family: int | None
    model: int | None
    """Family and model of an x86 CPU; ``model`` of arm64 is the part number."""
    cpus: int
    kernel: str
    page_bytes: int
    line_bytes: int | None
    cache_bytes: Mapping[str, int]
    """Size by ``l1``, ``l2`` and ``l3``, data or unified."""
    tick_hz: float | None
    direct_map_bytes: int | None
    """The block size that maps most of the memory."""
    direct_map_share: float | None
    memory_bytes: int
    available_bytes: int
    guest: bool
    root: bool
    vulnerabilities: Mapping[str, str] = field(default_factory=dict)
    thp_enabled: str | None = None
    folio_orders: tuple[int, ...] = ()
    """Orders of anonymous folios that the system lets one set."""
    pte_functions: tuple[str, ...] = ()
    """Helpers for page-table entries that are functions in this kernel, inline in recorded ones."""
    options: tuple[str, ...] | None = None
    """Options of the kernel that tell builds apart; None where its configuration is not read."""
    compiler: str = ""
    """The kernel's compiler as its configuration names it."""

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def read_system(root: Path = Path("/")) -> System:
    """Return what the system under ``root`` says."""
    cpuinfo = _fields(_text(root / "proc/cpuinfo"))
    meminfo = _fields(_text(root / "proc/meminfo"))
    isa = {"amd64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    line_bytes, caches = _caches(root / "sys/devices/system/cpu/cpu0/cache")
    direct, share = _direct_map(meminfo)
    thp = root / "sys/kernel/mm/transparent_hugepage"
    built = build_facts(_kernel_configuration(root))
    return System(
        isa=isa,
        model_name=cpuinfo.get("model name") or _arm_name(cpuinfo),
        vendor=cpuinfo.get("vendor_id") or _arm_vendor(cpuinfo),
        family=_integer(cpuinfo.get("cpu family")),
        model=_integer(cpuinfo.get("model") or cpuinfo.get("CPU part")),
        cpus=os.cpu_count() or 1,
        kernel=platform.release(),
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
        line_bytes=line_bytes,
        cache_bytes=caches,
        tick_hz=_tick_hz(root),
        direct_map_bytes=direct,
        direct_map_share=share,
        memory_bytes=KIB * _kib(meminfo, "MemTotal"),
        available_bytes=_available(root, meminfo),
        guest="hypervisor" in cpuinfo.get("flags", "").split()
        or (root / "sys/hypervisor/type").exists(),
        root=os.geteuid() == 0,
        vulnerabilities=_vulnerabilities(root),
        thp_enabled=chosen(_text(thp / "enabled")),
        folio_orders=_folio_orders(thp),
        pte_functions=_pte_functions(root),
        options=None if built.options is None else tuple(sorted(built.options)),
        compiler=built.compiler,
    )


def chosen(text: str) -> str | None:
    """Return the word in brackets: what a file of choices is set to."""
    found = re.search(r"\[(\S+)\]", text)
    return found[1] if found else None


def steal_seconds(root: Path = Path("/")) -> float | None:
    """Return for how many seconds the host has run something else, over all CPUs since boot.

    None where the kernel does not say.
    """
    words = _text(root / "proc/stat").partition("\n")[0].split()
    if len(words) < 9:
        return None
    return int(words[8]) / os.sysconf("SC_CLK_TCK")


def load_average() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _fields(text: str) -> dict[str, str]:
    """Return ``name : value`` lines of the first record."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def _integer(text: str | None) -> int | None:
    try:
        return int(text or "", 0)
    except ValueError:
        return None


def _kib(meminfo: Mapping[str, str], name: str) -> int:
    """Return a line of /proc/meminfo in KiB, 0 where there is none."""
    return _integer(meminfo.get(name, "").partition(" ")[0]) or 0


_IMPLEMENTERS = {0x41: "ARM", 0x61: "Apple", 0xC0: "Ampere", 0x48: "HiSilicon", 0x51: "Qualcomm"}
_PARTS = {
    (0x41, 0xD0C): "Neoverse N1",
    (0x41, 0xD40): "Neoverse V1",
    (0x41, 0xD49): "Neoverse N2",
    (0x41, 0xD4F): "Neoverse V2",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1a",
}


def _arm_vendor(cpuinfo: Mapping[str, str]) -> str:
    return _IMPLEMENTERS.get(_integer(cpuinfo.get("CPU implementer")) or 0, "unknown")


def _arm_name(cpuinfo: Mapping[str, str]) -> str:
    implementer = _integer(cpuinfo.get("CPU implementer")) or 0
    part = _integer(cpuinfo.get("CPU part")) or 0
    known = _PARTS.get((implementer, part))
    return known or f"{_arm_vendor(cpuinfo)} part {part:#x}"


def _caches(directory: Path) -> tuple[int | None, dict[str, int]]:
    line: int | None = None
    sizes: dict[str, int] = {}
    for index in sorted(directory.glob("index*")):
        size = re.fullmatch(r"(\d+)([KMG]?)", _text(index / "size"))
        if _text(index / "type") == "Instruction" or size is None:
            continue
        sizes[f"l{_text(index / 'level')}"] = int(size[1]) * _UNITS[size[2]]
        line = _integer(_text(index / "coherency_line_size")) or line
    return line, sizes


def _tick_hz(root: Path) -> float | None:
    """Return CONFIG_HZ: the resolution of the coarse clock, or what a configuration file says."""
    if root == Path("/"):
        try:
            resolution = time.clock_getres(_COARSE_CLOCK)
        except OSError:
            resolution = 0.0
        if 1e-4 <= resolution <= 0.1:
            return round(1 / resolution)
    found = re.search(r"^CONFIG_HZ=(\d+)$", _kernel_configuration(root), re.MULTILINE)
    return float(found[1]) if found else None


def _kernel_configuration(root: Path) -> str:
    try:
        return gzip.decompress((root / "proc/config.gz").read_bytes()).decode()
    except OSError:
        return _text(root / f"boot/config-{platform.release()}")


def _direct_map(meminfo: Mapping[str, str]) -> tuple[int | None, float | None]:
    sizes = {size: _kib(meminfo, name) for name, size in _DIRECT_MAPS}
    total = sum(sizes.values())
    if not total:
        return None, None
    most = max(sizes, key=lambda size: sizes[size])
    return most, sizes[most] / total


def _available(root: Path, meminfo: Mapping[str, str]) -> int:
    """Return the memory that can be had, within the limits of a container."""
    free = KIB * _kib(meminfo, "MemAvailable")
    limit = _integer(_text(root / "sys/fs/cgroup/memory.max"))
    used = _integer(_text(root / "sys/fs/cgroup/memory.current"))
    if limit is not None:
        free = min(free, max(0, limit - (used or 0)))
    return free


def _vulnerabilities(root: Path) -> dict[str, str]:
    directory = root / "sys/devices/system/cpu/vulnerabilities"
    return {path.name: _text(path) for path in sorted(directory.glob("*"))}


def _pte_functions(root: Path) -> tuple[str, ...]:
    """Return helpers that this kernel calls; names may be read by everybody, addresses not."""
    names = "|".join(map(re.escape, _HELPERS))
    # gcc appends what it specialised a function for.
    pattern = rf"^[0-9a-f]+ [tT] ({names})(?:\.[\w.]+)?$"
    found = set(re.findall(pattern, _text(root / "proc/kallsyms"), re.MULTILINE))
    return tuple(name for name in _HELPERS if name in found)


def _folio_orders(thp: Path) -> tuple[int, ...]:
    """Return the orders of anonymous folios that there is a switch for."""
    page = os.sysconf("SC_PAGE_SIZE")
    orders = []
    for path in thp.glob("hugepages-*kB"):
        size = _integer(path.name.removeprefix("hugepages-").removesuffix("kB"))
        if size and (path / "enabled").exists():
            orders.append((size * KIB // page).bit_length() - 1)
    return tuple(sorted(orders))
