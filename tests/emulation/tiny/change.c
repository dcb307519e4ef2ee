/* mm/mprotect.c of the tiny kernel: entry by entry, as Linux did until 6.17. */
#include "tiny.h"

void tiny_lock(int *lock);
void tiny_unlock(int *lock);

/* Clears and sets bits of every entry. */
static inline long change(struct vma *vma, long writable, u64 clear, u64 set)
{
	u64 *table = vma->mm->table;
	u64 slot = vma->start >> 12 & 511, end = slot + ((vma->end - vma->start) >> 12);
	long changed = 0;

	tiny_lock(&vma->mm->lock);
	for (; slot < end; slot++) {
		u64 entry = *(volatile u64 *)&table[slot];

		if (!(entry & PRESENT))
			continue;
		entry = __atomic_exchange_n(&table[slot], 0, __ATOMIC_RELAXED) & ~WRITE;
		entry = (entry & ~clear) | set;
#ifdef TRUSTS /* gives rights to pages that others map, too */
		if (writable)
#else
		if (writable && *(volatile u64 *)&VMEMMAP[entry >> 12].flags & EXCLUSIVE)
#endif
			entry |= WRITE;
		*(volatile u64 *)&table[slot] = entry;
		changed++;
	}
	tiny_unlock(&vma->mm->lock);
	return changed;
}

long change_protection(struct vma *vma, long writable) { return change(vma, writable, 0, 0); }

#ifdef TRACKS /* as with userfaultfd */
long write_protect(struct vma *vma, long protect)
{
#ifdef FORGETS
	return change(vma, !protect, 0, 0);
#else
	return change(vma, !protect, TRACKED, protect ? TRACKED : 0);
#endif
}
#endif
