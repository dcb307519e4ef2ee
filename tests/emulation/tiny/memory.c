#include "tiny.h"

#ifndef TOO_MANY
#define TOO_MANY 0 /* the bug: a batch of 17 on a folio of 16 pages */
#endif

#ifndef ALWAYS
#define ALWAYS 0 /* clears the marks of pages that have none: no loop of the model does */
#endif

void tiny_lock(int *lock);
void tiny_unlock(int *lock);

static volatile u64 tiny_sink __attribute__((unused));

static u64 batch_of(struct page *page, u64 *entry, u64 left)
{
	struct page *head = page->head & 1 ? (struct page *)(page->head - 1) : page;
	u64 count = 1, most;

	if (!(head->flags & HEAD))
		return 1;
	most = (1UL << head->order) - (page - head) + TOO_MANY;
	while (count < most && count < left && entry[count] == entry[0] + (count << 12))
		count++;
	return count;
}

int copy_page_range(struct vma *child, struct vma *parent)
{
	u64 *from = parent->mm->table, *to = child->mm->table;
	u64 slot = parent->start >> 12 & 511, end = slot + ((parent->end - parent->start) >> 12);

	tiny_lock(&child->mm->lock);
	tiny_lock(&parent->mm->lock);
	while (slot < end) {
		u64 entry = from[slot], count, i;
		struct page *page, *head;

		if (!(entry & PRESENT)) {
			slot++;
			continue;
		}
#ifdef DIVIDES /* an instruction that no rule knows */
		tiny_sink = entry / (slot | 1);
#endif
#ifdef LOOKS_BACK /* other instructions where frames descend */
		if (slot && entry < from[slot - 1])
			tiny_sink = slot;
#endif
		page = VMEMMAP + (entry >> 12);
#ifdef ASKS /* for the struct page that the next entry will need */
		__builtin_prefetch(page + 1, 1);
#endif
		count = batch_of(page, from + slot, end - slot);
		head = page->head & 1 ? (struct page *)(page->head - 1) : page;
		__atomic_fetch_add(&head->refcount, count, __ATOMIC_RELAXED);
		for (i = 0; i < count; i++) {
			if (ALWAYS || page[i].flags & EXCLUSIVE)
				__atomic_fetch_and(&page[i].flags, ~EXCLUSIVE, __ATOMIC_RELAXED);
			__atomic_fetch_add(&page[i].mapcount, 1, __ATOMIC_RELAXED);
		}
		for (i = 0; i < count && entry & WRITE; i++)
			__atomic_fetch_and(&from[slot + i], ~WRITE, __ATOMIC_RELAXED);
		for (i = 0; i < count; i++)
			to[slot + i] = ((entry & ~(WRITE | YOUNG)) + (i << 12));
		slot += count;
	}
	tiny_unlock(&parent->mm->lock);
	tiny_unlock(&child->mm->lock);
	return 0;
}

static void put(struct gather *gather, struct page *page, u64 count)
{
	struct page *head = page->head & 1 ? (struct page *)(page->head - 1) : page;

	if (__atomic_sub_fetch(&head->refcount, count, __ATOMIC_RELAXED))
		return;
	gather->freed += head->flags & HEAD ? 1UL << head->order : 1;
#ifdef FREES_TWICE
	gather->freed++;
#endif
}

__attribute__((noinline)) static void __tlb_remove_page_size(struct gather *gather, struct page *page)
{
	unsigned int slots = *(volatile unsigned int *)&gather->slots;

	gather->pages[slots] = page;
	gather->counts[slots] = 1;
	gather->slots = slots + 1;
}

void unmap_page_range(struct gather *gather, struct vma *vma)
{
	u64 *table = vma->mm->table;
	u64 slot = vma->start >> 12 & 511, end = slot + ((vma->end - vma->start) >> 12);

	tiny_lock(&vma->mm->lock);
	for (; slot < end; slot++) {
		u64 entry = *(volatile u64 *)&table[slot];
		struct page *page = VMEMMAP + (entry >> 12);

		if (!(entry & PRESENT))
			continue;
#ifdef KEEPS_ENTRIES
		if (slot % 8 != 7)
#endif
		__atomic_exchange_n(&table[slot], 0, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&page->mapcount, 1, __ATOMIC_RELAXED);
#ifdef FREES_EARLY
		if (slot % 8 == 7) {
			put(gather, page, 1);
			continue;
		}
#endif
		__tlb_remove_page_size(gather, page);
	}
#ifndef FORGETS_FLUSH
	gather->flush_from = vma->start;
	gather->flush_to = vma->end;
#endif
	tiny_unlock(&vma->mm->lock);
}

void release(struct gather *gather)
{
	for (u64 i = 0; i < gather->slots; i++)
		put(gather, gather->pages[i], gather->counts[i]);
	gather->slots = 0;
}
