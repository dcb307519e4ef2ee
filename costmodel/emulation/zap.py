"""Unmapping in an emulated kernel: munmap() by the only owner, and the exit of a forked child."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.emulation.kernel import BASE_PFN, EmulatedKernel, Process
from costmodel.emulation.run import EmulatedRun
from costmodel.emulation.scenes import Scene
from costmodel.operations.zap.gather import CACHED_ORDERS
from costmodel.operations.zap.operation import EXIT, MUNMAP
from costmodel.recorder.build_archive import OLD_FRAMES

SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "mm/rmap.c": ("folio_remove_rmap_ptes", "page_remove_rmap", "flush_tlb_batched_pending"),
    "mm/mmu_gather.c": ("tlb_flush_mmu",),
    "mm/swap_state.c": ("free_pages_and_swap_cache",),
    "mm/swap.c": ("folios_put_refs", "release_pages", "lru_add_drain"),
    "mm/util.c": ("__page_mapcount",),
    "mm/mlock.c": ("mlock_drain_local", "mlock_page_drain_local"),
    "mm/memcontrol.c": ("memory_cgrp_subsys",),
    "mm/memcontrol-v1.c": ("memcg1_uncharge_batch", "memcg1_memcg_init"),
    "mm/page_counter.c": ("page_counter_uncharge",),
    "kernel/cgroup/rstat.c": (
        "cgroup_rstat_updated", "__cgroup_rstat_updated",
        "css_rstat_updated", "__css_rstat_updated",
    ),
    "mm/vmstat.c": ("__mod_node_page_state", "mod_node_page_state"),
    "mm/page_alloc.c": ("free_unref_folios", "free_unref_page_list"),
    "mm/mmzone.c": ("lruvec_init",),
    "mm/shrinker.c": ("set_shrinker_bit",),
    "mm/vmscan.c": ("set_shrinker_bit",),  # before 6.7
    "mm/huge_memory.c": (
        "__folio_unqueue_deferred_split", "__folio_undo_large_rmappable",
        "deferred_split_huge_page",
    ),
    "lib/list_debug.c": (
        "__list_del_entry_valid_or_report", "__list_add_valid_or_report",
        "__list_del_entry_valid", "__list_add_valid",
    ),
    "lib/find_bit.c": ("_find_next_bit", "_find_first_bit"),
    "lib/percpu_counter.c": ("percpu_counter_add_batch",),
    "kernel/rcu/tree.c": ("__rcu_read_lock", "__rcu_read_unlock"),
}  # fmt: skip
"""Files that an unmap and the release of its pages run through, and a name that asks for each."""
STATES: Final = (EXIT.name, MUNMAP.name)


def unmap(kernel: EmulatedKernel, scene: Scene, process: Process, state: str) -> EmulatedRun:
    """Unmap the table of a process, or of a child forked from it; then release what it gathered.

    Raises ConfigError where pages could be freed before the TLB is flushed.
    """
    if state == EXIT.name:
        process, parent = kernel.process(process.pages), process
        kernel.fork(process, parent)
    lock = kernel.lock(process, 0)
    call = kernel.emulator.call
    call("cm_gather_begin", process.vma, int(state == EXIT.name))
    _, unmapped = kernel.emulator.record("cm_unmap", process.vma)
    slots = call("cm_slots")
    flush_as_asked(kernel, process)
    if not scene.releases:
        call("cm_release")
        return EmulatedRun(unmapped, process, (lock,), source=process, slots=slots)
    if state == MUNMAP.name:
        fill_lists(kernel, scene)
    _, released = kernel.emulator.record("cm_release")
    return EmulatedRun(unmapped, process, (lock,), source=process, released=released, slots=slots)


def flush_as_asked(kernel: EmulatedKernel, process: Process) -> None:
    """Flush the TLB as the gather asks for; raises ConfigError where it does not."""
    if not kernel.emulator.call("cm_asks_flush", process.vma):
        raise ConfigError.of(
            "tlb_flush_mmu", "is not asked to flush the TLB for all that was unmapped"
        )
    kernel.emulator.call("cm_flushed")


def fill_lists(kernel: EmulatedKernel, scene: Scene) -> None:
    """Fill the per-CPU lists with folios like those of a scene: as many must leave as come in."""
    folios = Counter(piece.order for piece in scene.pieces)
    frame = BASE_PFN + OLD_FRAMES + scene.pieces[0].frame
    for order, count in sorted(folios.items()):
        if order in CACHED_ORDERS:
            step = scene.spread << order
            kernel.emulator.call("cm_fill_lists", frame, order, count, step)
            frame += count * step
