// SPDX-License-Identifier: GPL-2.0
/*
 * What an unmap meets where a mapping is of a file or of shared memory, beside what setup.c and
 * zap.c of costmodel/emulation/setup make. Called by name.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <asm/tlb.h>
#include "internal.h"

extern void *cm_alloc(unsigned long bytes);

/* What shmem does to a folio that an entry made dirty; read-only pages of a file never ask. */
static const struct address_space_operations cm_operations = {
	.dirty_folio = noop_dirty_folio,
};
static struct address_space cm_mapping = {
	.a_ops = &cm_operations,
};
static const struct vm_operations_struct cm_vm_operations;

/* Makes a mapping one of a file: shared and written, or private and read. */
void cm_map_file(struct vm_area_struct *vma, long shared);
void cm_map_file(struct vm_area_struct *vma, long shared)
{
	vm_flags_t flags = VM_READ | VM_MAYREAD | VM_MAYWRITE;

	if (shared)
		flags |= VM_WRITE | VM_SHARED | VM_MAYSHARE;
	vm_flags_init(vma, flags);
	vma->vm_page_prot = shared ? PAGE_SHARED : PAGE_READONLY;
	vma->vm_ops = &cm_vm_operations;
	vma->vm_file = cm_alloc(sizeof(struct file));
	vma->vm_file->f_mode = FMODE_READ;
	vma->vm_file->f_mapping = &cm_mapping;
}

/*
 * Gives a new anonymous folio to the page cache, which holds a reference for each page. Folios of
 * shmem are dirty: the fault that made an entry writable has marked them.
 */
void cm_to_file(unsigned long pfn, long shmem);
void cm_to_file(unsigned long pfn, long shmem)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));
	bool listed = folio->lru.next; /* fork is recorded without an LRU */

	if (listed)
		lruvec_del_folio(folio_lruvec(folio), folio);
	if (!shmem)
		__folio_clear_swapbacked(folio);
	if (listed)
		lruvec_add_folio(folio_lruvec(folio), folio);
	folio->mapping = &cm_mapping;
	folio_ref_add(folio, folio_nr_pages(folio));
	if (shmem)
		folio_set_dirty(folio);
}

/* Leaves entries as reads through a mapping of a file leave them: young, clean, read-only. */
void cm_only_read(struct vm_area_struct *vma, unsigned long address, unsigned long pfn, long pages);
void cm_only_read(struct vm_area_struct *vma, unsigned long address, unsigned long pfn, long pages)
{
	struct mm_struct *mm = vma->vm_mm;
	pmd_t *pmd = pmd_offset(pud_offset(p4d_offset(pgd_offset(mm, address), address), address),
				address);
	long i;

	for (i = 0; i < pages; i++) /* arm64 keeps a contiguous block whole where nothing is replaced */
		*(pte_offset_kernel(pmd, address) + i) = __pte(0);
	set_ptes(mm, address, pte_offset_kernel(pmd, address),
		 pte_mkyoung(pfn_pte(pfn, PAGE_READONLY)), pages);
}

/* Undoes the mark of anonymous pages that setup.c gives to all that it maps. */
void cm_not_exclusive(unsigned long pfn, long pages);
void cm_not_exclusive(unsigned long pfn, long pages)
{
	long i;

	for (i = 0; i < pages; i++)
		ClearPageAnonExclusive(pfn_to_page(pfn + i));
}

/* What a folio is: dirty 1, referenced 2, active 4. */
long cm_folio_state(unsigned long pfn);
long cm_folio_state(unsigned long pfn)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));

	return folio_test_dirty(folio) | folio_test_referenced(folio) << 1 |
	       folio_test_active(folio) << 2;
}

/* A resident-set counter: 0 of files, 1 of anonymous memory, 3 of shared memory. */
long cm_resident(struct vm_area_struct *vma, long counter);
long cm_resident(struct vm_area_struct *vma, long counter)
{
	return vma->vm_mm->rss_stat[counter].count + *(s32 *)vma->vm_mm->rss_stat[counter].counters;
}

/*
 * The release of what a table has gathered drops references, as at the exit of a child whose pages
 * others map: it is recorded of booted kernels, and left out here.
 */
void free_pages_and_swap_cache(struct encoded_page **pages, int nr)
{
	barrier();
}
