/* A kernel of a hundred lines: enough of one for its copy loop to be recorded. */
typedef unsigned long u64;

struct page {
	u64 flags; /* bit 6: head of a large folio; bit 17: anon-exclusive */
	u64 head; /* tail pages: address of the head, plus 1 */
	u64 order;
	u64 unused[3];
	int mapcount;
	int refcount;
	u64 also_unused;
};

struct mm {
	int lock;
	u64 *table;
};

struct vma {
	struct mm *mm;
	u64 start, end;
};

#define PRESENT 1UL
#define WRITE 2UL
#define DIRTY 4UL
#define YOUNG 8UL
#define TRACKED (1UL << 10)
#define HEAD (1UL << 6)
#define EXCLUSIVE (1UL << 17)
#define VMEMMAP ((struct page *)0xffffea0000000000UL)

#define SLOTS 520

/* Pages that wait for a flush, and what the allocator has got. */
struct gather {
	unsigned int slots;
	u64 flush_from, flush_to, freed;
	struct page *pages[SLOTS];
	u64 counts[SLOTS];
};

int copy_page_range(struct vma *child, struct vma *parent);
long change_protection(struct vma *vma, long writable);
long write_protect(struct vma *vma, long protect);
void unmap_page_range(struct gather *gather, struct vma *vma);
void release(struct gather *gather);
