// SPDX-License-Identifier: GPL-2.0
/*
 * What mprotect() meets, beside what costmodel/emulation/setup/setup.c makes: a mapping whose
 * protection has been changed in the VMA already, and an mmu_gather. Called by name.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/userfaultfd_k.h>
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

#ifdef CONFIG_USERFAULTFD
/* Tells whether empty entries are protected too: a feature of the registration, here without any. */
static unsigned long cm_context[8];

bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma);
bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma)
{
	unsigned long *context = (unsigned long *)vma->vm_userfaultfd_ctx.ctx;

	return context && (READ_ONCE(context[4]) & UFFD_FEATURE_WP_UNPOPULATED);
}

/* Protects a registered mapping against writes, or takes that back, as uffd_wp_range() does. */
long cm_write_protect(struct vm_area_struct *vma, long protect);
long cm_write_protect(struct vm_area_struct *vma, long protect)
{
	struct mmu_gather tlb;

	cm_set_vma(vma, 1, 0);
	vm_flags_init(vma, vma->vm_flags | VM_UFFD_WP);
	vma->vm_userfaultfd_ctx.ctx = (void *)cm_context;
	memset(&tlb, 0, sizeof(tlb));
	tlb.mm = vma->vm_mm;
	tlb.start = TASK_SIZE;
	return change_protection(&tlb, vma, vma->vm_start, vma->vm_end,
				 protect ? MM_CP_UFFD_WP :
					   MM_CP_UFFD_WP_RESOLVE | MM_CP_TRY_CHANGE_WRITABLE);
}

/* Counts entries that carry the bit of userfaultfd and belong to pages or to nothing. */
long cm_tracked(struct vm_area_struct *vma);
long cm_tracked(struct vm_area_struct *vma)
{
	unsigned long address;
	long tracked = 0;

	for (address = vma->vm_start; address < vma->vm_end; address += PAGE_SIZE) {
		pmd_t *pmd = pmd_offset(pud_offset(p4d_offset(pgd_offset(vma->vm_mm, address),
							      address), address), address);

		tracked += !!pte_uffd_wp(ptep_get(pte_offset_kernel(pmd, address)));
	}
	return tracked;
}
#endif

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
