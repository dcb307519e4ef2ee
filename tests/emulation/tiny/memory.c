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
