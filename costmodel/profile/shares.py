"""Which share of the time of a job a loop of the kernel takes, with its 90 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from costmodel.profile.stacks import Profile

Z90: Final = 1.645
"""How many standard deviations on either side of its mean hold 90 % of a normal distribution."""


@dataclass(frozen=True)
class KernelLoop:
    """How the time of a loop is found in a profile: by the names of its functions."""

    title: str
    roots: frozenset[str]
    """The loop is what these functions do themselves, and all that they call."""
    own: frozenset[str]
    """Functions that are called by this loop only, or by others so rarely that it does not count.
    They tell the loop where the profile names no callers."""
    not_from: frozenset[str] = frozenset()
    """Functions that call the roots as part of another loop: mprotect, for example, also flushes
    the TLB through tlb_finish_mmu. Time below them does not count."""

    def holds(self, functions: frozenset[str]) -> bool:
        """Tell whether a function belongs to the loop; ``functions`` are its name and its callers.

        A function whose callers are not known belongs to the loop if it is one of ``own``.
        """
        if self.not_from & functions:
            return False
        alone = len(functions) == 1
        return bool(self.roots & functions) or (alone and bool(self.own & functions))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOOPS: Final[Mapping[str, KernelLoop]] = {
    "fork": KernelLoop(
        "fork: copying page tables",
        _names("copy_page_range"),
        _names(
            "copy_page_range copy_p4d_range copy_pud_range copy_pmd_range copy_pte_range "
            "copy_present_ptes copy_present_pte __copy_present_ptes copy_present_page "
            "__folio_try_dup_anon_rmap __folio_dup_rmap folio_try_dup_anon_rmap_ptes "
            "folio_try_dup_anon_rmap_pte page_try_dup_anon_rmap wrprotect_ptes"
        ),
    ),
    "zap": KernelLoop(
        "zap: unmapping and freeing",
        _names(
            "unmap_vmas unmap_page_range zap_page_range_single zap_page_range_single_batched "
            "zap_page_range zap_vma_range zap_vma_range_batched __zap_vma_range "
            "tlb_finish_mmu tlb_flush_mmu free_pgtables"
        ),
        _names(
            "unmap_vmas unmap_single_vma unmap_page_range zap_page_range_single zap_page_range "
            "zap_page_range_single_batched zap_vma_range zap_vma_range_batched __zap_vma_range "
            "do_zap_pte_range zap_nonpresent_ptes "
            "zap_p4d_range zap_pud_range zap_pmd_range zap_pte_range zap_present_ptes "
            "zap_present_folio_ptes zap_install_uffd_wp_if_needed should_zap_page "
            "__tlb_remove_page_size __tlb_remove_folio_pages __tlb_remove_folio_pages_size "
            "tlb_finish_mmu tlb_flush_mmu tlb_batch_pages_flush __tlb_batch_free_encoded_pages "
            "free_pages_and_swap_cache free_page_and_swap_cache free_swap_cache "
            "folio_remove_rmap_ptes folio_remove_rmap_pte page_remove_rmap __folio_remove_rmap "
            "free_pgtables free_pgd_range clear_full_ptes arch_check_zapped_pte"
        ),
        not_from=_names(
            "do_mprotect_pkey mprotect_fixup mwriteprotect_range uffd_wp_range change_prot_numa "
            "task_numa_work madvise_cold madvise_pageout"
        ),
    ),
    "mprotect": KernelLoop(
        "mprotect: changing protection",
        _names("change_protection change_protection_range"),
        _names(
            "change_protection change_protection_range change_p4d_range change_pud_range "
            "change_pmd_range change_pte_range can_change_pte_writable "
            "can_change_private_pte_writable "
            "__ptep_modify_prot_start __ptep_modify_prot_commit ptep_modify_prot_start "
            "ptep_modify_prot_commit modify_prot_start_ptes modify_prot_commit_ptes "
            "change_present_ptes change_softleaf_pte prot_commit_flush_ptes "
            "page_anon_exclusive_sub_batch commit_anon_folio_batch"
        ),
    ),
    "mremap": KernelLoop(
        "mremap: moving page tables",
        _names("move_page_tables"),
        _names(
            "move_page_tables move_ptes move_pgt_entry move_normal_pmd move_huge_pmd "
            "move_soft_dirty_pte mremap_folio_pte_batch"
        ),
    ),
}
"""The loops that are recognised in profiles, by operation."""
SHARED: Final = _names(
    "vm_normal_page vm_normal_folio folio_pte_batch folio_pte_batch_flags native_set_pte set_ptes "
    "pte_val __pte pte_pfn pte_mkwrite pte_advance_pfn PageHuge contpte_set_ptes "
    "contpte_wrprotect_ptes contpte_ptep_get __contpte_try_fold __contpte_try_unfold "
    "contpte_ptep_get_and_clear contpte_clear_full_ptes contpte_get_and_clear_full_ptes "
    "release_pages folios_put_refs free_unref_page_list free_unref_folios free_unref_page_commit "
    "free_pcppages_bulk __free_one_page uncharge_folio uncharge_batch uncharge_page "
    "__mem_cgroup_uncharge_folios __mem_cgroup_uncharge_list __lruvec_stat_mod_folio "
    "__mod_lruvec_page_state __mod_memcg_lruvec_state mod_memcg_lruvec_state __mod_lruvec_state "
    "pte_alloc_one __pte_alloc srso_return_thunk retbleed_return_thunk __x86_return_thunk"
)
"""Functions that these loops call, but that other code calls as well. Where a profile names no
callers, their time may or may not belong to a loop: it widens the interval of the share."""


@dataclass(frozen=True)
class Share:
    """A share of the time of a job, from 0 to 1; ``low`` to ``high`` hold it with 90 %."""

    share: float
    low: float
    high: float

    def document(self) -> dict[str, float]:
        """Return it for JSON."""
        return {"share": self.share, "low": self.low, "high": self.high}


def share_of(profile: Profile, operation: str) -> Share:
    """Return which share of a profile the loop of ``operation`` takes.

    The most certain of three ways that the profile allows is taken. With call chains, all stacks
    of the loop are summed. With a ``Children`` column, perf itself has summed what the loop's
    functions called. With neither, only the loop's own functions are certain: the share lies
    between their time and their time with that of all functions in ``SHARED``, and its value is
    the middle. To the interval comes what the number of samples leaves open.
    """
    loop = LOOPS[operation]
    if not profile.total:
        return Share(0.0, 0.0, 0.0)
    if profile.has_callers:
        inside = sum(s.weight for s in profile.stacks if loop.holds(s.functions))
        return _sampled(inside / profile.total, inside / profile.total, profile.samples)
    stated = [each for each in profile.inclusive if each.function in loop.own]
    if stated:
        found = _stated(profile, loop)
        return _sampled(found, found, profile.samples)
    own = sum(s.weight for s in profile.stacks if s.functions & loop.own)
    others = sum(s.weight for s in profile.stacks if s.functions & SHARED)
    most = own + others if own else 0.0
    return _sampled(own / profile.total, most / profile.total, profile.samples)


def _stated(profile: Profile, loop: KernelLoop) -> float:
    """Return the share that a ``Children`` column states, summed over the commands.

    Where one root calls another, as unmap_vmas calls unmap_page_range, their common time counts
    once.
    """
    nested = (
        ("unmap_vmas", "unmap_page_range"),
        ("zap_page_range_single", "unmap_page_range"),
        ("zap_page_range", "unmap_page_range"),
        ("zap_page_range_single", "tlb_finish_mmu"),
        ("tlb_finish_mmu", "tlb_flush_mmu"),
        ("change_protection", "change_protection_range"),
    )
    total = 0.0
    for comm in {each.comm for each in profile.inclusive}:
        stated = {
            each.function: each.weight
            for each in profile.inclusive
            if each.comm == comm and each.function in loop.own
        }
        roots = {name: weight for name, weight in stated.items() if name in loop.roots}
        if not roots:  # all roots are inlined, or cut off: the largest of what they call
            total += max(stated.values(), default=0.0)
            continue
        for outer, inner in nested:
            if outer in roots and inner in roots:
                roots[inner] = max(0.0, roots[inner] - roots[outer])
        total += sum(roots.values())
    return total / profile.total


def _sampled(low: float, high: float, samples: float | None) -> Share:
    """Return a share between ``low`` and ``high``, with the sampling error of both added."""
    return Share(
        (low + high) / 2,
        max(0.0, low - _deviation(low, samples)),
        min(1.0, high + _deviation(high, samples)),
    )


def _deviation(share: float, samples: float | None) -> float:
    """Return the half-width of the 90 % interval of a share that was counted in samples.

    It is 0 where the profile does not say how many samples there are.
    """
    if not samples:
        return 0.0
    # One sample more and one less (Agresti and Coull): a share of which nothing was seen may be.
    wide = (share * samples + Z90**2 / 2) / (samples + Z90**2)
    return Z90 * math.sqrt(wide * (1 - wide) / (samples + Z90**2))
