// SPDX-License-Identifier: GPL-2.0
/*
 * What mprotect() meets, beside what costmodel/emulation/setup/setup.c makes: a mapping whose
 * protection has been changed in the VMA already, and an mmu_gather. Called by name.
 */
#include <linux/version.h>
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

#ifdef CONFIG_X86 /* nobody wants this CPU: the flag is kept inverted */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	raw_cpu_write(pcpu_hot.preempt_count, PREEMPT_ENABLED);
#else
	raw_cpu_write(__preempt_count, PREEMPT_ENABLED);
#endif
#else
	current_thread_info()->preempt_count = PREEMPT_ENABLED;
#endif
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

/* Small functions of other files that are called once per table. */
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
