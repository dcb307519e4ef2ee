// SPDX-License-Identifier: GPL-2.0
/*
 * What mremap() meets, beside what costmodel/emulation/setup/setup.c makes: a second mapping of the
 * same process, with page tables or without. Appended to mm/mremap.c; called by name.
 */

#include <linux/version.h>

static pud_t *cm_pud(struct mm_struct *mm, unsigned long address)
{
	return pud_offset(p4d_offset(pgd_offset(mm, address), address), address);
}

/*
 * Lets `target`, made as a process of its own, become a mapping of the process of `vma`. Without
 * `tables` its PMDs are empty, as a whole table that moves needs them.
 */
void cm_adopt(struct vm_area_struct *vma, struct vm_area_struct *target, long tables);
void cm_adopt(struct vm_area_struct *vma, struct vm_area_struct *target, long tables)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long address;

	*cm_pud(mm, target->vm_start) = *cm_pud(target->vm_mm, target->vm_start);
	target->vm_mm = mm;
	target->anon_vma = vma->anon_vma;
	vma->anon_vma->root = vma->anon_vma;
	current->mm = mm;
	if (tables)
		return;
	for (address = target->vm_start; address < target->vm_end; address += PMD_SIZE)
		pmd_clear(pmd_offset(cm_pud(mm, address), address));
}

/* Where the entry of the level above a page table lies. */
unsigned long cm_pmd_of(struct vm_area_struct *vma, unsigned long address);
unsigned long cm_pmd_of(struct vm_area_struct *vma, unsigned long address)
{
	return (unsigned long)pmd_offset(cm_pud(vma->vm_mm, address), address);
}

/* Moves all entries, or page tables, from one mapping to the other. */
unsigned long cm_move(struct vm_area_struct *vma, struct vm_area_struct *target);
unsigned long cm_move(struct vm_area_struct *vma, struct vm_area_struct *target)
{
	unsigned long length = vma->vm_end - vma->vm_start;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	PAGETABLE_MOVE(pmc, vma, target, vma->vm_start, target->vm_start, length);

	return move_page_tables(&pmc);
#else
	return move_page_tables(vma, vma->vm_start, target, target->vm_start, length, false,
				false);
#endif
}

/* The locks of reverse mapping, taken when nobody else has them. */
void down_write(struct rw_semaphore *sem)
{
	long old = RWSEM_UNLOCKED_VALUE;

	if (atomic_long_try_cmpxchg_acquire(&sem->count, &old, 1))
		atomic_long_set(&sem->owner, (long)current);
}

void up_write(struct rw_semaphore *sem)
{
	atomic_long_set(&sem->owner, 0);
	atomic_long_fetch_add_release(-1, &sem->count);
}
