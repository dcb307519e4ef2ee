// SPDX-License-Identifier: GPL-2.0
/*
 * What fork and unmap meet where a PMD maps a folio of 2 MiB, beside what setup.c and zap.c of
 * costmodel/emulation/setup make. Called by name.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/huge_mm.h>
#include <linux/pgtable.h>
#include <asm/pgalloc.h>
#include "internal.h"

extern void *cm_alloc(unsigned long bytes);

static pmd_t *cm_huge_pmd(struct vm_area_struct *vma, unsigned long address)
{
	struct mm_struct *mm = vma->vm_mm;

	return pmd_offset(pud_offset(p4d_offset(pgd_offset(mm, address), address), address), address);
}

/* Page tables come out of the page allocator, and go back to it: the machine's to price. */
struct page *alloc_pages_noprof(gfp_t gfp, unsigned int order)
{
	return virt_to_page(cm_alloc(PAGE_SIZE << order));
}

void __free_pages(struct page *page, unsigned int order)
{
	barrier();
}

/* Maps a folio by its PMD, writable and dirty; its table waits beside for a split. */
void cm_map_huge(struct vm_area_struct *vma, unsigned long address, unsigned long pfn);
void cm_map_huge(struct vm_area_struct *vma, unsigned long address, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	pmd_t *pmd = cm_huge_pmd(vma, address);
	pgtable_t table = pmd_pgtable(*pmd);
	spinlock_t *lock;

	folio_ref_inc(folio);
	SetPageAnonExclusive(page);
	atomic_inc(&folio->_entire_mapcount);
	atomic_add(ENTIRELY_MAPPED, &folio->_nr_pages_mapped);
	atomic_inc(&folio->_large_mapcount);
	INIT_LIST_HEAD(&table->lru);
	lock = pmd_lock(vma->vm_mm, pmd);
	pgtable_trans_huge_deposit(vma->vm_mm, pmd, table);
	spin_unlock(lock);
	*pmd = pmd_mkwrite_novma(pmd_mkdirty(pmd_mkyoung(pmd_mkhuge(pfn_pmd(pfn, vma->vm_page_prot)))));
}

/* Takes the tables of a child away again: fork fills PMDs that are empty. */
void cm_forget_tables(struct vm_area_struct *vma);
void cm_forget_tables(struct vm_area_struct *vma)
{
	unsigned long address;

	for (address = vma->vm_start; address < vma->vm_end; address += PMD_SIZE)
		pmd_clear(cm_huge_pmd(vma, address));
}

unsigned long cm_pmd_place(struct vm_area_struct *vma, unsigned long address);
unsigned long cm_pmd_place(struct vm_area_struct *vma, unsigned long address)
{
	return (unsigned long)cm_huge_pmd(vma, address);
}

/* What a PMD is: 1 maps a folio, 2 that may be written. */
long cm_pmd_state(struct vm_area_struct *vma, unsigned long address);
long cm_pmd_state(struct vm_area_struct *vma, unsigned long address)
{
	pmd_t pmd = *cm_huge_pmd(vma, address);

	return pmd_none(pmd) ? 0 : pmd_trans_huge(pmd) | pmd_write(pmd) << 1;
}

long cm_entire_mapcount(unsigned long pfn);
long cm_entire_mapcount(unsigned long pfn)
{
	return atomic_read(&page_folio(pfn_to_page(pfn))->_entire_mapcount) + 1;
}
