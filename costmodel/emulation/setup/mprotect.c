// SPDX-License-Identifier: GPL-2.0
/* What mprotect() meets beside processes: a gather of what must be flushed. Linked for mprotect. */
#include <linux/version.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <asm/tlb.h>
#include "internal.h"

static struct mmu_gather cm_gather;

static void cm_begin_gather(struct mm_struct *mm)
{
	cm_gather.mm = mm;
	cm_gather.start = TASK_SIZE; /* nothing to flush yet */
	cm_gather.end = 0;
#ifdef CONFIG_MMU_GATHER_PAGE_SIZE
	cm_gather.page_size = PAGE_SIZE;
#endif
}

static void cm_set_flags(struct vm_area_struct *vma, vm_flags_t flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_reset(vma, flags);
#else
	vma->vm_flags = flags;
#endif
	/* Of a private mapping that may be written no entry gets the right from here. */
	vma->vm_page_prot = PAGE_READONLY;
}

static long cm_change(struct vm_area_struct *vma, unsigned long how)
{
	cm_begin_gather(vma->vm_mm);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return change_protection(&cm_gather, vma, vma->vm_start, vma->vm_end, how);
#else
	return change_protection(&cm_gather, vma, vma->vm_start, vma->vm_end, vma->vm_page_prot,
				 how);
#endif
}

/* Changes the rights of a whole mapping, as mprotect() does behind its work on the mapping itself. */
long cm_protect(struct vm_area_struct *vma, long writable);
long cm_protect(struct vm_area_struct *vma, long writable)
{
	vm_flags_t flags = (vma->vm_flags & ~VM_WRITE) | (writable ? VM_WRITE : 0);
	unsigned long how = writable ? MM_CP_TRY_CHANGE_WRITABLE : 0;

	cm_set_flags(vma, flags);
	return cm_change(vma, how);
}

#ifdef CONFIG_USERFAULTFD
/* A registration without features: empty entries are not protected. */
static unsigned long cm_context[16];

bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma);
bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma)
{
	return vma->vm_userfaultfd_ctx.ctx && (READ_ONCE(cm_context[4]) & 1);
}

/* Protects a registered mapping against writes, or takes that back, as uffd_wp_range() does. */
long cm_write_protect(struct vm_area_struct *vma, long protect);
long cm_write_protect(struct vm_area_struct *vma, long protect)
{
	cm_set_flags(vma, vma->vm_flags | VM_WRITE | VM_UFFD_WP);
	vma->vm_userfaultfd_ctx.ctx = (void *)cm_context;
	return cm_change(vma, protect ? MM_CP_UFFD_WP :
					MM_CP_UFFD_WP_RESOLVE | MM_CP_TRY_CHANGE_WRITABLE);
}
#endif
