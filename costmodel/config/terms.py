"""What words mean that people ask with and that are no names here, or that they are out of scope.

An error about an unknown name says so, in place of a name that only looks alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_NOT_IN_THE_MODEL: Final = "is not in the model (docs/scope.md)"

_MEANT: Final = (
    ("munmap unmap", "is zap (operation zap, state munmap)"),
    (
        "exit exit_mmap exit_group",
        "is zap (operation zap, state exit for a forked child, munmap for the last owner)",
    ),
    (
        "madvise madv_dontneed dontneed process_madvise",
        "is zap (operation zap, state dontneed; of ranges: docs/zap.md)",
    ),
    (
        "range ranges range_size per_call flush_per_call iovec vlen",
        "is part of a state of zap, such as 'dontneed: range 4 KiB, per_call 32'",
    ),
    ("zap_pte_range unmap_page_range tlb_gather", "is in zap (operation zap)"),
    (
        "exec execve fork_exec clone clone3 wait wait4 waitpid",
        "is in spawn (operation spawn, state exec or exit)",
    ),
    (
        "copy_page_range copy_pte_range dup_mmap dup_mm bgsave redis snapshot rdb",
        "is in fork (operation fork; of a process that runs: docs/layout.md)",
    ),
    (
        "maple_tree mt_dup vma_iterator mas_store",
        "is vmas, a number, in fork and spawn (docs/spawn.md)",
    ),
    (
        "change_protection change_pte_range pkey_mprotect",
        "is in mprotect (operation mprotect)",
    ),
    (
        "move_page_tables move_ptes move_normal_pmd move_huge_pmd",
        "is in mremap (operation mremap)",
    ),
    (
        "uffd userfaultfd uffd_wp uffdio_writeprotect",
        "is mprotect in the states to-write-protected and to-write-resolved",
    ),
    (
        "shmem tmpfs memfd shared shared_memory shared_buffers",
        "is a state of zap (shared-munmap and others) and of mprotect (shared-to-read-only)",
    ),
    ("folio mthp thp page_order", "is folio_orders (0, 2 to 9, or a mix), --order as an option"),
    ("sparse pte_none hole empty_entries", "is holes, a share of the mapping such as 75%"),
    ("pmd pmd_mapped", "is mapped: pmd, with folios of order 9 (docs/scope.md)"),
    ("cpu_count ncpus nr_cpus cores nproc", "is cpus (processes) or threads (of each)"),
    ("size memory_size mem", "is memory, with --memory as its option"),
    ("fragmentation scattered contiguous", "is frames: contiguous, scattered, or a part of them"),
    ("cont_pte contpte_bit cont_bit", "is contpte: true, or a strategy called contpte-..."),
    (
        "mmap_lock mmap_sem mm_lock",
        "is among what threads share (threads: N, docs/cpus.md), without page faults",
    ),
)
"""Words with what they are called here."""

_NUMBERS: Final = (
    ("rob", "is core.rob_entries"),
    ("frequency clock ghz mhz", "is core.clock_ghz"),
    ("dram dram_ns memory_latency cxl", "is caches.dram.latency_ns"),
    ("dsb dvm", "is in tlbi.issue_ns, tlbi.broadcast_ns and tlbi.shared_* (docs/cpus.md)"),
    ("ipi ipis shootdowns", "is in shootdown.* (docs/cpus.md)"),
    ("lazy_tlb lazy_mm cpumask mm_cpumask", "is shootdown.lazy_mask (docs/cpus.md)"),
    ("tlbi_range range_tlbi rtlbi", "is tlbi.range"),
    ("invlpgb_count", "is in shootdown.invlpgb_* (docs/cpus.md)"),
    ("memcg cgroup memory_cgroup uncharge", "is in locks.memcg_* (docs/cpus.md)"),
    ("zone_lock pcp page_allocator buddy", "is in locks.* (several CPUs) and in zap's release"),
    ("rss_stat percpu_counter mm_counters", "is kernel.mm_cpu_ns (spawn, docs/spawn.md)"),
    (
        "kpti pti meltdown spectre retpoline srso safe_ret ibrs untrain",
        "is part of a build and of mitigations: on or off (docs/scenario-file.md)",
    ),
)
"""The same for what machines have, whose keys have dots."""

_OUTSIDE: Final = (
    (
        "page_fault page_faults pagefault pagefaults fault faults page_fault1 page_fault2 "
        "page_fault3 do_anonymous_page fault_around filemap_map_pages do_fault",
        "zap, state dontneed (it takes away what they map)",
    ),
    ("cow do_wp_page wp_page_copy", "fork, state 'mixed: writable 1, read-only 15'"),
    ("mmap brk populate map_populate madv_populate_write", "zap, state munmap"),
    (
        "mlock munlock munlock_vma mlock_pte_range mincore smaps numa_maps pagemap pagemap_scan "
        "walk_page_range young mark_page_accessed damon",
        "mprotect, state to-writable (a walk that looks at each struct page)",
    ),
    (
        "soft_dirty softdirty clear_refs clear_soft_dirty",
        "mprotect, state to-read-only (each entry loses its write bit)",
    ),
    (
        "numa_balancing autonuma numab change_prot_numa numa_hinting prot_numa",
        "mprotect, state to-read-only (the same loop, without its tests of a page's node)",
    ),
    (
        "vfork clone_vm clone_vfork posix_spawn system popen subprocess",
        "spawn, state exec (with --memory '4 KiB', as they copy no page table and no mapping)",
    ),
    (
        "pinned pin_user_pages fork_pinned gup dma_pinned rdma",
        "fork, state writable (a pinned page is copied at once, which is not in it)",
    ),
    (
        "odfork on_demand_fork cow_page_table copy_on_write_page_table shared_page_tables mshare",
        "fork with --order 9 --set mapped=pmd (one entry for 2 MiB)",
    ),
    ("anon_vma anon_vma_fork anon_vma_chain", "fork with --set vmas=N (mappings without pages)"),
    ("zero_page huge_zero_page", "fork of the memory that is there (--memory, --set holes=0.75)"),
    (
        "wipeonfork vm_wipeonfork madv_wipeonfork dontfork vm_dontcopy madv_dontfork",
        "fork of the memory that it leaves (--memory, --set vmas=N)",
    ),
    (
        "swap swapout swap_out swapoff reclaim kswapd vmscan madv_pageout pageout madv_cold cold "
        "try_to_unmap shrink_folio_list mglru multi_gen_lru zswap zram proactive_reclaim damos "
        "batched_unmap_tlb_flush arch_want_batched_unmap_tlb_flush try_to_unmap_flush tlbbatch",
        "zap, state dontneed (the same entries are emptied, and nothing is written)",
    ),
    (
        "swapin swap_in do_swap_page swap_entry swap_entries free_swap_and_cache zap_swap",
        "zap, state dontneed",
    ),
    (
        "truncate unmap_mapping_range fallocate punch_hole madv_remove invalidate_inode_pages2",
        "zap, state file-dontneed (of one process, without the page cache's part)",
    ),
    (
        "folio_mkclean page_mkclean page_vma_mkclean writeback msync fsync",
        "mprotect, state shared-to-read-only (each entry loses its write bit)",
    ),
    ("madv_free lazyfree", "zap, state dontneed (the pages are freed at once)"),
    (
        "migration migrate migrate_pages move_pages compaction mbind",
        "mprotect, state both-ways (each entry is taken out and put back, without a copy)",
    ),
    (
        "numa node nodes numa_nodes remote_memory",
        "--frames scattered --set caches.dram.latency_ns=N (all memory is as far away)",
    ),
    (
        "khugepaged collapse madv_collapse collapse_huge_page",
        "zap, state dontneed (the old entries are emptied, without a copy)",
    ),
    (
        "split split_folio split_huge_page split_huge_pmd deferred_split",
        "fork with --order 9 --set mapped=pmd, against tables of PTEs",
    ),
    ("ksm ksmd mergeable madv_mergeable", "fork, state read-only (pages that others map, too)"),
    (
        "hugetlb hugetlbfs hugetlb_order hugepages",
        "fork with --order 9 --set mapped=pmd (one entry for 2 MiB)",
    ),
    ("page_size pagesize granule page_shift", "--order 4, with a contpte strategy"),
    ("guard madv_guard_install guard_pages", "zap, state dontneed"),
    ("oom oom_reaper oom_reap_task process_mrelease", "zap, state munmap"),
    ("lse llsc ll_sc", "the numbers of atomics.* (docs/machine-file.md)"),
    ("pcid", "--set tlbi.asid_flush_ns=N"),
    ("lva lpa lpa2 va_bits 52bit la57 5level 5_level levels page_levels pgtable_levels", ""),
    ("smt hyperthreading turbo governor", "--set core.clock_ghz=N"),
    ("scheduler sched", ""),
    ("per_vma_lock vma_lock lock_vma_under_rcu", ""),
    ("nested nested_paging guest hypervisor virtualization virtualisation vm", ""),
    ("kvm ept npt stage2 mmu_notifier secondary_mmu shadow_paging iommu vfio", ""),
    ("riscv svnapot powerpc ppc64 s390 loongarch mips", ""),
    ("mseal shadow_stack mte kasan page_table_check dax fsdax pmem pfnmap", ""),
    ("vmap vmalloc vunmap ioremap", ""),
)
"""Words that stand for what the model does not have, with the question nearest to theirs."""


def meaning_of(word: object) -> str | None:
    """Return what a word means that is no name here; None for a word that says nothing.

    With dots it is the key of a machine's number: ``caches.size`` is not the memory of a scenario.

    >>> meaning_of("swap-in")
    'swap-in is not in the model (docs/scope.md); nearest: zap, state dontneed'
    >>> meaning_of("caches.size")
    """
    said = str(word)
    last = said.rpartition(".")[2].lower().replace("-", "_").replace(" ", "_")
    meaning = OF_NUMBERS.get(last) or ("." not in said and MEANINGS.get(last)) or None
    return None if meaning is None else f"{said} {meaning}"


def _by_word(groups: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {word: meaning for words, meaning in groups for word in words.split()}


def _outside() -> Iterator[tuple[str, str]]:
    for words, nearest in _OUTSIDE:
        yield words, f"{_NOT_IN_THE_MODEL}; nearest: {nearest}" if nearest else _NOT_IN_THE_MODEL


MEANINGS: Final = _by_word(_MEANT)
OF_NUMBERS: Final = _by_word([*_NUMBERS, *_outside()])
