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

#ifdef CONFIG_X86 /* nobody wants this CPU: the flag is kept inverted */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	raw_cpu_write(pcpu_hot.preempt_count, PREEMPT_ENABLED);
#else
	raw_cpu_write(__preempt_count, PREEMPT_ENABLED);
#endif
#else
	current_thread_info()->preempt_count = PREEMPT_ENABLED;
#endif
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

/* Small functions of other files that are called once per table. */
void flush_tlb_batched_pending(struct mm_struct *mm)
{
	int batch = atomic_read(&mm->tlb_flush_batched);

	if ((batch & 0x7fff) != batch >> 16)
		atomic_set(&mm->tlb_flush_batched, 0);
}

#ifdef CONFIG_PREEMPT_RCU
void __rcu_read_lock(void)
{
	current->rcu_read_lock_nesting++;
	barrier();
}

void __rcu_read_unlock(void)
{
	barrier();
	if (--current->rcu_read_lock_nesting == 0)
		barrier();
}
#endif

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

#ifdef CONFIG_ARM64
/* Clears what a flush of a contiguous block fills in: 16 bytes a store, as lib/memset.S does. */
#undef memset
void *memset(void *start, int value, size_t bytes)
{
	char *place = start, *end = place + bytes;
	unsigned long pair = (unsigned char)value * 0x0101010101010101UL;

	for (; place + 16 <= end; place += 16)
		asm volatile("stp %1, %1, [%0]" : : "r"(place), "r"(pair) : "memory");
	for (; place < end; place++)
		asm volatile("strb %w1, [%0]" : : "r"(place), "r"(value) : "memory");
	return start;
}
#endif
