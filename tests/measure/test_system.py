"""Facts about the machine, read from a system as it might be."""

from pathlib import Path

import pytest

from costmodel.measure.likeness import nearest
from costmodel.measure.system import System, chosen, read_system, steal_seconds

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz
flags\t\t: fpu hypervisor

processor\t: 1
vendor_id\t: another
"""
FILES = {
    "proc/cpuinfo": CPUINFO,
    "proc/meminfo": "MemTotal: 8000 kB\nMemAvailable: 6000 kB\nDirectMap4k: 100 kB\n"
    "DirectMap2M: 2048 kB\nDirectMap1G: 1048576 kB\n",
    "proc/kallsyms": "0000000000000000 t __pte\n0000000000000000 t __pte\n"
    "0000000000000000 t set_ptes.isra.0\n0000000000000000 T __pte_alloc\n"
    "0000000000000000 r pte_val\n0000000000000000 t __pfx_pte_pfn\n",
    "proc/stat": "cpu  1 2 3 4 5 6 7 250 9 9\ncpu0 1\n",
    "sys/devices/system/cpu/cpu0/cache/index0/level": "1",
    "sys/devices/system/cpu/cpu0/cache/index0/type": "Data",
    "sys/devices/system/cpu/cpu0/cache/index0/size": "32K",
    "sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size": "64",
    "sys/devices/system/cpu/cpu0/cache/index1/level": "1",
    "sys/devices/system/cpu/cpu0/cache/index1/type": "Instruction",
    "sys/devices/system/cpu/cpu0/cache/index1/size": "64K",
    "sys/devices/system/cpu/cpu0/cache/index2/level": "2",
    "sys/devices/system/cpu/cpu0/cache/index2/type": "Unified",
    "sys/devices/system/cpu/cpu0/cache/index2/size": "1M",
    "sys/devices/system/cpu/vulnerabilities/retbleed": "Mitigation: untrained return thunk",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled": "always [never]",
    "sys/kernel/mm/transparent_hugepage/hugepages-8kB/shmem_enabled": "always [never]",
    "sys/fs/cgroup/memory.max": "2048000",
    "sys/fs/cgroup/memory.current": "1024000",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return tmp_path


def test_a_system_is_read(root: Path) -> None:
    system = read_system(root)
    assert (system.vendor, system.family, system.model) == ("GenuineIntel", 6, 85)
    assert system.cache_bytes == {"l1": 32 << 10, "l2": 1 << 20}
    assert system.line_bytes == 64
    assert system.guest
    assert system.direct_map_bytes == 1 << 30
    assert system.thp_enabled == "madvise"
    assert system.vulnerabilities == {"retbleed": "Mitigation: untrained return thunk"}


def test_a_container_has_the_memory_that_its_limit_leaves(root: Path) -> None:
    assert read_system(root).available_bytes == 1_024_000


def test_only_sizes_with_a_switch_for_anonymous_memory_count(root: Path) -> None:
    assert read_system(root).folio_orders == (4,)


def test_steal_is_that_of_all_cpus(root: Path) -> None:
    assert steal_seconds(root) == pytest.approx(2.5)


def test_an_empty_system_is_read_too(tmp_path: Path) -> None:
    system = read_system(tmp_path)
    assert system.cache_bytes == {} and system.line_bytes is None
    assert system.direct_map_bytes is None and system.folio_orders == ()
    assert steal_seconds(tmp_path) is None


def test_this_system_has_a_name_and_memory() -> None:
    system = read_system()
    assert system.cpus >= 1 and system.available_bytes > 0


def test_the_choice_stands_in_brackets() -> None:
    assert chosen("always inherit [never]") == "never"
    assert chosen("no choice") is None


def like(isa: str, vendor: str, family: int | None, model: int | None) -> str:
    system = read_system(Path("/nowhere"))
    changed = {"isa": isa, "vendor": vendor, "family": family, "model": model}
    return nearest(System(**{**system.document(), **changed}))[0].name


def test_the_nearest_machine_goes_by_vendor_and_family() -> None:
    assert like("x86_64", "AuthenticAMD", 26, 2) == "epyc-zen5"
    assert like("x86_64", "AuthenticAMD", 25, 0x11) == "epyc-zen4"
    assert like("x86_64", "GenuineIntel", 6, 0x55) == "xeon-4210r"
    assert like("x86_64", "GenuineIntel", 6, 0x8F) == "sapphire-rapids"
    assert like("arm64", "ARM", None, 0xD0C) == "ampere-altra"
    assert like("arm64", "Apple", None, 0x32) == "apple-m2-vm"


def test_an_unknown_machine_is_like_one_of_its_instruction_set() -> None:
    assert like("x86_64", "CentaurHauls", 7, 1) == "sapphire-rapids"
    assert like("arm64", "Fujitsu", None, 1) == "ampere-altra"


def test_helpers_that_are_functions_are_found_by_their_names(root: Path) -> None:
    assert read_system(root).pte_functions == ("__pte", "set_ptes")
