// SPDX-License-Identifier: GPL-2.0
/* Small functions of other files of the kernel that a loop over page tables calls once per table. */
#include <linux/mm.h>
#include <linux/sched.h>

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

void flush_tlb_batched_pending(struct mm_struct *mm);
void flush_tlb_batched_pending(struct mm_struct *mm)
{
	int batch = atomic_read(&mm->tlb_flush_batched);

	if ((batch & 0x7fff) != batch >> 16)
		atomic_set(&mm->tlb_flush_batched, 0);
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
