/* What costmodel/emulation/setup/setup.c is for Linux. */
#include "tiny.h"

#ifdef __x86_64__
#define DIRECT 0xffff888000000000UL
#else
#define DIRECT 0xffff000000000000UL
#endif
#define ARENA (DIRECT + 0x1000000UL)

struct { const char *name; u64 value; } cm_facts[64];
static unsigned int facts;
static u64 used;

static void fact(const char *name, u64 value)
{
	cm_facts[facts].name = name;
	cm_facts[facts++].value = value;
}

static void *take(u64 bytes)
{
	used += (bytes + 4095) & ~4095UL;
	return (void *)(ARENA + used - ((bytes + 4095) & ~4095UL));
}

void cm_init(void)
{
	fact("vmemmap", (u64)VMEMMAP);
	fact("struct_page_bytes", sizeof(struct page));
	fact("mm_bytes", sizeof(struct mm));
	fact("vma_bytes", sizeof(struct vma));
	fact("task_bytes", 4096);
	fact("task", (u64)take(4096));
	fact("arena_start", ARENA);
	fact("arena_bytes", 0x2000000);
	fact("page_mapcounts", 1);
	fact("large_mapcount", 0);
	fact("contpte", 0);
	fact("alternative_bytes", 16);
}

void cm_reset(void) { used = 4096; }

struct vma *cm_process(u64 start, u64 end)
{
	struct vma *vma = take(sizeof(*vma));

	vma->mm = take(sizeof(struct mm));
	vma->mm->table = take(8192);
	vma->start = start;
	vma->end = end;
	return vma;
}

static u64 *entry(struct vma *vma, u64 address)
{
	return vma->mm->table + (vma->start >> 12 & 511) + ((address - vma->start) >> 12);
}

u64 cm_mm_of(struct vma *vma) { return (u64)vma->mm; }
u64 cm_table_of(struct vma *vma, u64 address) { return (u64)vma->mm->table; }
u64 cm_lock_of(struct vma *vma, u64 address) { return (u64)&vma->mm->lock; }

void cm_folio(struct vma *vma, u64 pfn, u64 order)
{
	for (u64 i = 1; i < 1UL << order; i++)
		VMEMMAP[pfn + i].head = (u64)(VMEMMAP + pfn) + 1;
	VMEMMAP[pfn].order = order;
	VMEMMAP[pfn].flags = order ? HEAD : 0;
}

void cm_map(struct vma *vma, u64 address, u64 pfn, long pages)
{
	struct page *page = VMEMMAP + pfn;
	struct page *head = page->head & 1 ? (struct page *)(page->head - 1) : page;

	for (long i = 0; i < pages; i++) {
		entry(vma, address)[i] = (pfn + i) << 12 | PRESENT | WRITE | DIRTY | YOUNG;
		page[i].flags |= EXCLUSIVE;
		page[i].mapcount++;
	}
	head->refcount += pages;
}

u64 cm_read_pte(struct vma *vma, u64 address)
{
	u64 value = *entry(vma, address);

	return value >> 12 << 8 | (value & 15) | (value & TRACKED) >> 4;
}

long cm_refcount(u64 pfn) { return VMEMMAP[pfn].refcount; }
long cm_mapcount(u64 pfn) { return VMEMMAP[pfn].mapcount; }
long cm_exclusive(u64 pfn) { return !!(VMEMMAP[pfn].flags & EXCLUSIVE); }
long cm_fork(struct vma *child, struct vma *parent) { return copy_page_range(child, parent); }
