// SPDX-License-Identifier: GPL-2.0
/*
 * What mprotect() meets, beside what costmodel/emulation/setup/setup.c makes: a mapping whose
 * protection has been changed in the VMA already, and an mmu_gather. Called by name.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <asm/pgtable.h>
#include <asm/tlb.h>

#undef memset
#include "internal.h"

static struct address_space cm_mapping;

/* Gives an anonymous folio to a file: only then may a mapping of it be shared. */
void cm_to_file(unsigned long pfn);
void cm_to_file(unsigned long pfn)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));
	long i;

	folio->mapping = &cm_mapping;
	for (i = 0; i < folio_nr_pages(folio); i++)
		ClearPageAnonExclusive(folio_page(folio, i));
}

/* Changes a mapping as mprotect_fixup() does before it walks the page tables. */
void cm_set_vma(struct vm_area_struct *vma, long writable, long shared);
void cm_set_vma(struct vm_area_struct *vma, long writable, long shared)
{
	vm_flags_t flags = VM_READ | VM_MAYREAD | VM_MAYWRITE | VM_ACCOUNT;

	if (writable)
		flags |= VM_WRITE;
	if (shared)
		flags |= VM_SHARED | VM_MAYSHARE;
	vm_flags_init(vma, flags);
	vma->vm_page_prot = shared && writable ? PAGE_SHARED : PAGE_READONLY;
}

/* Walks the page tables; private mappings that may be written look at each page. */
long cm_mprotect(struct vm_area_struct *vma);
long cm_mprotect(struct vm_area_struct *vma)
{
	unsigned long flags = 0;
	struct mmu_gather tlb;

	memset(&tlb, 0, sizeof(tlb));
	tlb.mm = vma->vm_mm;
	tlb.start = TASK_SIZE;
	if ((vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		flags |= MM_CP_TRY_CHANGE_WRITABLE;
	return change_protection(&tlb, vma, vma->vm_start, vma->vm_end, flags);
}
