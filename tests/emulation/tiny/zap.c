/* What costmodel/emulation/setup/zap.c is for Linux. */
#include "tiny.h"

static struct gather gather;

void cm_gather_begin(struct vma *vma, long whole)
{
	gather.slots = gather.freed = gather.flush_from = gather.flush_to = 0;
}

void cm_unmap(struct vma *vma) { unmap(&gather, vma); }
long cm_slots(void) { return gather.slots; }
long cm_asks_flush(struct vma *vma)
{
	return gather.flush_from <= vma->start && gather.flush_to >= vma->end;
}
void cm_flushed(void) {}
void cm_fill_lists(u64 pfn, u64 order, u64 count, u64 step) {}
long cm_free_pages(void) { return gather.freed; }
void cm_release(void) { release(&gather); }
