// SPDX-License-Identifier: GPL-2.0
/*
 * What a recorded kernel function meets: two processes with one mapping each, their page tables and
 * the struct pages of what they map. Compiled with the flags of the recorded object against the
 * headers of its tree, so that no offset and no bit is written down by hand. Everything here is
 * called by the emulator, by name.
 */
#include <linux/version.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/hugetlb.h>
#include <linux/percpu.h>
#include <asm/pgalloc.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>
#include <asm/cpufeature.h>
#ifdef CONFIG_X86
#include <asm/alternative.h>
#endif
#ifdef CONFIG_ARM64
#include <asm/alternative-macros.h>
#include <asm/alternative.h>
#endif
#include "internal.h"

#define SINCE(major, minor) (LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))

#ifdef CONFIG_PREEMPT_DYNAMIC
extern int preempt_dynamic_mode; /* as the scheduler sets it at boot: 0 none, 1 voluntary, 2 full */
#endif

/* Physical memory that page tables and kernel objects are taken from. */
#define ARENA_PHYS 0x1000000UL
#define ARENA_BYTES 0x2000000UL

struct cm_fact {
	const char *name;
	unsigned long value;
};

struct cm_fact cm_facts[64];
static unsigned int cm_fact_count;
static unsigned long cm_used;
static struct task_struct *cm_task;

static void cm_fact(const char *name, unsigned long value)
{
	cm_facts[cm_fact_count].name = name;
	cm_facts[cm_fact_count++].value = value;
}

void *cm_alloc(unsigned long bytes);
void *cm_alloc(unsigned long bytes)
{
	void *memory = __va(ARENA_PHYS + cm_used);

	cm_used += PAGE_ALIGN(bytes);
	return memory;
}

/* What another part of the set-up does behind cm_reset(), cm_map() and cm_folio(). */
void __weak cm_reset_more(void)
{
}

void cm_map_more(struct folio *folio, long pages);
void __weak cm_map_more(struct folio *folio, long pages)
{
}

void cm_folio_more(struct folio *folio);
void __weak cm_folio_more(struct folio *folio)
{
}

/* Forgets every process; the emulator clears the memory. */
void cm_reset(void);
void cm_reset(void)
{
	cm_used = PAGE_ALIGN(sizeof(struct task_struct));
	cm_reset_more();
}

/* Says where things lie; sets the variables that the kernel's own address arithmetic reads. */
void cm_init(void);
void cm_init(void)
{
#ifdef CONFIG_X86
	if (!__builtin_constant_p(VMEMMAP_START)) { /* variables that boot would set */
		page_offset_base = __PAGE_OFFSET_BASE_L4;
		vmalloc_base = __VMALLOC_BASE_L4;
		vmemmap_base = __VMEMMAP_BASE_L4;
	}
#if defined(CONFIG_X86_5LEVEL) || SINCE(6, 17)
	pgdir_shift = 39;
	ptrs_per_p4d = 1;
#endif
	__supported_pte_mask = ~0UL;
	boot_cpu_data.x86_phys_bits = 46;
	boot_cpu_data.x86_virt_bits = 48;
#endif
#ifdef CONFIG_ARM64
	memstart_addr = 0;
#endif
	highest_memmap_pfn = ~0UL;
#ifdef CONFIG_PREEMPT_DYNAMIC
	preempt_dynamic_mode = IS_ENABLED(CONFIG_PREEMPT_NONE) ? 0 :
			       IS_ENABLED(CONFIG_PREEMPT_VOLUNTARY) ? 1 : 2;
#endif
	cm_fact("page_bytes", PAGE_SIZE);
	cm_fact("pte_bytes", sizeof(pte_t));
	cm_fact("table_ptes", PTRS_PER_PTE);
	cm_fact("struct_page_bytes", sizeof(struct page));
	cm_fact("mm_bytes", sizeof(struct mm_struct));
	cm_fact("vma_bytes", sizeof(struct vm_area_struct));
	cm_fact("task_bytes", sizeof(struct task_struct));
	cm_fact("arena_start", (unsigned long)__va(ARENA_PHYS));
	cm_fact("arena_bytes", ARENA_BYTES);
	cm_fact("vmemmap", (unsigned long)pfn_to_page(0));
	cm_fact("version", LINUX_VERSION_CODE);
	cm_fact("page_mapcounts", !IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT));
	cm_fact("large_mapcount", SINCE(6, 10));
	cm_fact("contpte", IS_ENABLED(CONFIG_ARM64_CONTPTE));
#ifdef CONFIG_X86
	cm_fact("alternative_bytes", sizeof(struct alt_instr));
	cm_fact("feature_always", X86_FEATURE_ALWAYS);
	cm_fact("feature_erms", X86_FEATURE_ERMS);
#endif
#ifdef CONFIG_ARM64
	cm_fact("alternative_bytes", sizeof(struct alt_instr));
	cm_fact("feature_lse", ARM64_HAS_LSE_ATOMICS);
	cm_fact("feature_tlb_range", ARM64_HAS_TLB_RANGE);
#endif
	cm_task = cm_alloc(sizeof(struct task_struct));
	cm_fact("task", (unsigned long)cm_task);
#ifdef CONFIG_X86
#if SINCE(6, 2) && !SINCE(6, 15)
	raw_cpu_write(pcpu_hot.current_task, cm_task);
	raw_cpu_write(pcpu_hot.preempt_count, PREEMPT_ENABLED);
#else
	raw_cpu_write(current_task, cm_task);
	raw_cpu_write(__preempt_count, PREEMPT_ENABLED);
#endif
#endif
#ifdef CONFIG_ARM64
	task_thread_info(cm_task)->preempt_count = PREEMPT_ENABLED;
#endif
}

/* One alternative in a form that does not depend on the version. */
struct cm_alternative {
	unsigned long original, replacement;
	unsigned long feature, original_bytes, replacement_bytes;
	unsigned long inverted, by_function, direct_call;
};

struct cm_alternative cm_alternative;

void cm_read_alternative(const struct alt_instr *entry);
void cm_read_alternative(const struct alt_instr *entry)
{
	struct cm_alternative *out = &cm_alternative;

#ifdef CONFIG_X86
	out->original = (unsigned long)&entry->instr_offset + entry->instr_offset;
	out->replacement = (unsigned long)&entry->repl_offset + entry->repl_offset;
	out->original_bytes = entry->instrlen;
	out->replacement_bytes = entry->replacementlen;
#ifdef ALTINSTR_FLAG_INV
	out->feature = entry->cpuid & ~ALTINSTR_FLAG_INV;
	out->inverted = !!(entry->cpuid & ALTINSTR_FLAG_INV);
#else
	out->feature = entry->cpuid;
	out->inverted = !!(entry->flags & ALT_FLAG_NOT);
#endif
#ifdef ALT_FLAG_DIRECT_CALL
	out->direct_call = !!(entry->flags & ALT_FLAG_DIRECT_CALL);
#endif
#endif
#ifdef CONFIG_ARM64
	out->original = (unsigned long)&entry->orig_offset + entry->orig_offset;
	out->replacement = (unsigned long)&entry->alt_offset + entry->alt_offset;
	out->original_bytes = entry->orig_len;
	out->replacement_bytes = entry->alt_len;
	/* The field behind alt_offset has had two names. */
	out->feature = *(const u16 *)(&entry->alt_offset + 1) & ~ARM64_CB_BIT;
	out->by_function = !!(*(const u16 *)(&entry->alt_offset + 1) & ARM64_CB_BIT);
#endif
}

static pmd_t *cm_pmd(struct mm_struct *mm, unsigned long address)
{
	return pmd_offset(pud_offset(p4d_offset(pgd_offset(mm, address), address), address), address);
}

/* Gives an address its tables on all levels. */
static void cm_make_tables(struct mm_struct *mm, unsigned long address)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		pgd_populate(mm, pgd, cm_alloc(PAGE_SIZE));
	p4d = p4d_offset(pgd, address);
	if (p4d_none(*p4d))
		p4d_populate(mm, p4d, cm_alloc(PAGE_SIZE));
	pud = pud_offset(p4d, address);
	if (pud_none(*pud))
		pud_populate(mm, pud, cm_alloc(PAGE_SIZE));
	pmd = pmd_offset(pud, address);
	if (pmd_none(*pmd)) {
		pmd_populate(mm, pmd, virt_to_page(cm_alloc(PAGE_SIZE)));
		spin_lock_init(pte_lockptr(mm, pmd));
	}
}

/* A process with one private anonymous mapping; returns the mapping. */
struct vm_area_struct *cm_process(unsigned long start, unsigned long end);
struct vm_area_struct *cm_process(unsigned long start, unsigned long end)
{
	struct mm_struct *mm = cm_alloc(sizeof(struct mm_struct) + PAGE_SIZE);
	struct vm_area_struct *vma = cm_alloc(sizeof(struct vm_area_struct));
	vm_flags_t flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_ACCOUNT;
	unsigned long address;

	mm->pgd = cm_alloc(PAGE_SIZE * 2);
	spin_lock_init(&mm->page_table_lock);
	atomic_set(&mm->mm_users, 1);
	atomic_set(&mm->mm_count, 1);
	atomic_long_set(&mm->mmap_lock.count, 1); /* held for writing: DEBUG_VM asks */
#ifdef CONFIG_MM_ID
	mm->mm_id = 1 + cm_used / PAGE_SIZE % 1024;
#endif
#if SINCE(6, 2)
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		mm->rss_stat[i].counters = (s32 __percpu *)cm_alloc(64);
#endif
	cm_task->mm = mm;
	cm_task->active_mm = mm;
	vma->vm_mm = mm;
	vma->vm_start = start;
	vma->vm_end = end;
	vma->vm_page_prot = PAGE_READONLY;
#if SINCE(6, 3)
	vm_flags_init(vma, flags);
#else
	vma->vm_flags = flags;
#endif
	vma->anon_vma = cm_alloc(256);
	vma->vm_pgoff = start >> PAGE_SHIFT;
	for (address = start & PMD_MASK; address < end; address += PMD_SIZE)
		cm_make_tables(mm, address);
	return vma;
}

/* An anonymous folio that nobody maps yet. */
void cm_folio(struct vm_area_struct *vma, unsigned long pfn, unsigned int order);
void cm_folio(struct vm_area_struct *vma, unsigned long pfn, unsigned int order)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = (struct folio *)page;
	long i, pages = 1L << order;

	if (order) {
		__SetPageHead(page);
#if SINCE(6, 4)
		for (i = 1; i < pages; i++)
#if SINCE(7, 0)
			prep_compound_tail(page + i, page, order);
#else
			prep_compound_tail(page, i);
#endif
		prep_compound_head(page, order);
#else
		for (i = 1; i < pages; i++) {
			page[i].mapping = TAIL_MAPPING;
			set_compound_head(page + i, page);
			set_page_private(page + i, 0);
		}
		set_compound_page_dtor(page, COMPOUND_PAGE_DTOR);
		set_compound_order(page, order);
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
		if (order > 1) /* before 6.8 anonymous memory has no folios of order 1 */
			INIT_LIST_HEAD(page_deferred_list(page));
#endif
		atomic_set(compound_mapcount_ptr(page), -1);
		atomic_set(compound_pincount_ptr(page), 0);
#endif
	}
	folio_set_lru(folio);
	__folio_set_swapbacked(folio);
	__folio_mark_uptodate(folio);
#ifdef FOLIO_MAPPING_ANON
	folio->mapping = (void *)vma->anon_vma + FOLIO_MAPPING_ANON;
#else
	folio->mapping = (void *)vma->anon_vma + PAGE_MAPPING_ANON;
#endif
	folio->index = vma->vm_pgoff;
#ifndef CONFIG_NO_PAGE_MAPCOUNT
	for (i = 0; i < pages; i++)
		atomic_set(&page[i]._mapcount, -1);
#else
	if (!order)
		atomic_set(&page->_mapcount, -1);
#endif
	cm_folio_more(folio);
}

static pte_t *cm_entry(struct vm_area_struct *vma, unsigned long address)
{
	return pte_offset_kernel(cm_pmd(vma->vm_mm, address), address);
}

static void cm_count_mappings(struct vm_area_struct *vma, unsigned long pfn, long pages)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	long i;

	folio_ref_add(folio, pages);
	for (i = 0; i < pages; i++) {
		SetPageAnonExclusive(page + i);
#ifndef CONFIG_NO_PAGE_MAPCOUNT
		atomic_inc(&page[i]._mapcount);
#else
		if (!folio_test_large(folio))
			atomic_inc(&page->_mapcount);
#endif
	}
	if (!folio_test_large(folio))
		return;
#if SINCE(6, 4) && !defined(CONFIG_NO_PAGE_MAPCOUNT)
	atomic_add(pages, &folio->_nr_pages_mapped);
#endif
#if SINCE(6, 15)
	if (folio_large_mapcount(folio)) /* its pages are mapped one by one */
		folio_add_large_mapcount(folio, pages, vma);
	else
		folio_set_large_mapcount(folio, pages, vma);
#elif SINCE(6, 10)
	atomic_add(pages, &folio->_large_mapcount);
#endif
}

/* Maps pages of one folio once, writable, dirty and young as a write leaves them. */
void cm_map(struct vm_area_struct *vma, unsigned long address, unsigned long pfn, long pages);
void cm_map(struct vm_area_struct *vma, unsigned long address, unsigned long pfn, long pages)
{
	pte_t pte = pte_mkdirty(pte_mkyoung(pfn_pte(pfn, vma->vm_page_prot)));

	cm_count_mappings(vma, pfn, pages);
	cm_map_more(page_folio(pfn_to_page(pfn)), pages);
#if SINCE(6, 6)
	pte = pte_mkwrite_novma(pte);
	set_ptes(vma->vm_mm, address, cm_entry(vma, address), pte, pages);
#else
	pte = pte_mkwrite(pte);
	for (long i = 0; i < pages; i++) {
		set_pte_at(vma->vm_mm, address, cm_entry(vma, address), pte);
		address += PAGE_SIZE;
		pte = pte_mkwrite(pte_mkdirty(pte_mkyoung(pfn_pte(pfn + i + 1,
								  vma->vm_page_prot))));
	}
#endif
}

unsigned long cm_mm_of(struct vm_area_struct *vma);
unsigned long cm_mm_of(struct vm_area_struct *vma)
{
	return (unsigned long)vma->vm_mm;
}

unsigned long cm_table_of(struct vm_area_struct *vma, unsigned long address);
unsigned long cm_table_of(struct vm_area_struct *vma, unsigned long address)
{
	return (unsigned long)cm_entry(vma, address) & PAGE_MASK;
}

unsigned long cm_lock_of(struct vm_area_struct *vma, unsigned long address);
unsigned long cm_lock_of(struct vm_area_struct *vma, unsigned long address)
{
	return (unsigned long)pte_lockptr(vma->vm_mm, cm_pmd(vma->vm_mm, address));
}

/* Where the struct page of a table lies. */
unsigned long cm_table_page(struct vm_area_struct *vma, unsigned long address);
unsigned long cm_table_page(struct vm_area_struct *vma, unsigned long address)
{
	return (unsigned long)virt_to_page((void *)cm_table_of(vma, address));
}

/* What one entry holds: frame number << 8 and, below, present 1, writable 2, dirty 4, young 8. */
unsigned long cm_read_pte(struct vm_area_struct *vma, unsigned long address);
unsigned long cm_read_pte(struct vm_area_struct *vma, unsigned long address)
{
	pte_t pte = *cm_entry(vma, address);

	if (!pte_present(pte))
		return pte_val(pte) ? 16 : 0;
	return pte_pfn(pte) << 8 | 1 | !!pte_write(pte) << 1 | !!pte_dirty(pte) << 2 |
	       !!pte_young(pte) << 3
#ifdef CONFIG_ARM64
	       | !!(pte_val(pte) & PTE_CONT) << 5
#endif
#ifdef CONFIG_HAVE_ARCH_USERFAULTFD_WP
	       | !!pte_uffd_wp(pte) << 6
#endif
		;
}

/* What is counted of one frame. */
long cm_refcount(unsigned long pfn);
long cm_refcount(unsigned long pfn)
{
	return page_ref_count(pfn_to_page(pfn));
}

long cm_mapcount(unsigned long pfn);
long cm_mapcount(unsigned long pfn)
{
	return atomic_read(&pfn_to_page(pfn)->_mapcount) + 1;
}

long cm_large_mapcount(unsigned long pfn);
long cm_large_mapcount(unsigned long pfn)
{
#if SINCE(6, 10)
	return atomic_read(&((struct folio *)pfn_to_page(pfn))->_large_mapcount) + 1;
#else
	return 0;
#endif
}

long cm_exclusive(unsigned long pfn);
long cm_exclusive(unsigned long pfn)
{
	return PageAnonExclusive(pfn_to_page(pfn));
}

int copy_page_range(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma);
long cm_fork(struct vm_area_struct *child, struct vm_area_struct *parent);
long cm_fork(struct vm_area_struct *child, struct vm_area_struct *parent)
{
	return copy_page_range(child, parent);
}
