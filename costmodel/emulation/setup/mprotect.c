// SPDX-License-Identifier: GPL-2.0
/* What mprotect() meets beside processes: a gather of what must be flushed. Linked for mprotect. */
#include <linux/version.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <asm/tlb.h>
#include "internal.h"

static struct mmu_gather cm_gather;

/* Changes the rights of a whole mapping, as mprotect() does behind its work on the mapping itself. */
long cm_protect(struct vm_area_struct *vma, long writable);
long cm_protect(struct vm_area_struct *vma, long writable)
{
	vm_flags_t flags = (vma->vm_flags & ~VM_WRITE) | (writable ? VM_WRITE : 0);
	unsigned long how = writable ? MM_CP_TRY_CHANGE_WRITABLE : 0;
	struct mmu_gather *tlb = &cm_gather;

	tlb->mm = vma->vm_mm;
	tlb->start = TASK_SIZE; /* nothing to flush yet */
	tlb->end = 0;
#ifdef CONFIG_MMU_GATHER_PAGE_SIZE
	tlb->page_size = PAGE_SIZE;
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_reset(vma, flags);
#else
	vma->vm_flags = flags;
#endif
	/* Of a private mapping that may be written no entry gets the right from here. */
	vma->vm_page_prot = PAGE_READONLY;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return change_protection(tlb, vma, vma->vm_start, vma->vm_end, how);
#else
	return change_protection(tlb, vma, vma->vm_start, vma->vm_end, vma->vm_page_prot, how);
#endif
}
