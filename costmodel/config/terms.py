"""What words mean that people ask with and that are no names here, or that they are out of scope.

An error about an unknown name says so, in place of a name that only looks alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_NOT_IN_THE_MODEL: Final = "is not in the model (docs/scope.md)"

_MEANT: Final = (
    ("munmap unmap", "is a state of zap (operation zap, state munmap)"),
    (
        "exit exit_mmap exit_group",
        "is zap (operation zap, state exit for a forked child, munmap for the last owner)",
    ),
    (
        "madvise madv_dontneed dontneed process_madvise",
        "is zap (operation zap, state dontneed; of ranges: docs/zap.md)",
    ),
    ("zap_pte_range unmap_page_range tlb_gather", "is in zap (operation zap)"),
    (
        "exec execve clone posix_spawn wait waitpid system popen",
        "is in spawn (operation spawn, state exec or exit)",
    ),
    ("copy_page_range copy_pte_range dup_mmap dup_mm", "is in fork (operation fork)"),
    ("change_protection change_pte_range", "is in mprotect (operation mprotect)"),
    ("move_page_tables move_ptes", "is in mremap (operation mremap)"),
    (
        "uffd userfaultfd uffd_wp uffdio_writeprotect",
        "is mprotect in the states to-write-protected and to-write-resolved",
    ),
    ("folio mthp thp page_order", "is folio_orders (0, 2 to 9, or a mix), --order as an option"),
    ("pmd pmd_mapped", "is mapped: pmd, with folios of order 9 (docs/scope.md)"),
    ("cpu_count ncpus nr_cpus cores nproc", "is cpus (processes) or threads (of each)"),
    ("size memory_size mem", "is memory, with --memory as its option"),
    ("fragmentation scattered contiguous", "is frames: contiguous, scattered, or a part of them"),
)
"""Words with what they are called here."""

_NUMBERS: Final = (
    ("rob", "is core.rob_entries"),
    ("frequency clock ghz mhz", "is core.clock_ghz"),
    ("dram dram_ns memory_latency cxl", "is caches.dram.latency_ns"),
    ("dsb dvm", "is in tlbi.issue_ns, tlbi.broadcast_ns and tlbi.shared_* (docs/cpus.md)"),
    ("ipi ipis shootdowns", "is in shootdown.* (docs/cpus.md)"),
    (
        "kpti pti meltdown spectre retpoline srso safe_ret ibrs untrain",
        "is part of a build and of mitigations: on or off (docs/scenario-file.md)",
    ),
)
"""The same for what machines have, whose keys have dots."""

_OUTSIDE: Final = (
    "page_fault page_faults fault faults page_fault1 page_fault2 page_fault3 do_anonymous_page cow",
    "mmap brk populate mlock map_populate",
    "vfork",
    "swap swapout swap_out swapin reclaim kswapd vmscan madv_pageout madv_free lazyfree mglru",
    "migration migrate migrate_pages compaction numa_balancing numa node mbind",
    "khugepaged collapse madv_collapse split_huge_page ksm",
    "hugetlb hugetlbfs hugetlb_order",
    "page_size pagesize granule page_shift",
    "lse llsc ll_sc",
    "pcid",
    "lva lpa lpa2 va_bits 52bit la57 5level pgtable_levels",
    "smt hyperthreading turbo governor",
    "scheduler sched",
)
"""Words that stand for what the model does not have."""


def meaning_of(word: object) -> str | None:
    """Return what a word means that is no name here; None for a word that says nothing.

    With dots it is the key of a machine's number: ``caches.size`` is not the memory of a scenario.

    >>> meaning_of("MADV_FREE"), meaning_of("caches.size")
    ('MADV_FREE is not in the model (docs/scope.md)', None)
    """
    said = str(word)
    last = said.rpartition(".")[2].lower().replace("-", "_")
    meaning = _OF_NUMBERS.get(last) or ("." not in said and _MEANINGS.get(last)) or None
    return None if meaning is None else f"{said} {meaning}"


def _by_word(groups: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {word: meaning for words, meaning in groups for word in words.split()}


_MEANINGS: Final = _by_word(_MEANT)
_OF_NUMBERS: Final = _by_word([*_NUMBERS, *((words, _NOT_IN_THE_MODEL) for words in _OUTSIDE)])
