/* What costmodel/emulation/setup/zap.c is for Linux. */
#include "tiny.h"

struct gather cm_gather;

void cm_gather_begin(struct vma *vma, long whole)
{
	cm_gather.slots = cm_gather.freed = cm_gather.flush_from = cm_gather.flush_to = 0;
}

void cm_unmap(struct vma *vma) { unmap_page_range(&cm_gather, vma); }
long cm_slots(void) { return cm_gather.slots; }
long cm_asks_flush(struct vma *vma)
{
	return cm_gather.flush_from <= vma->start && cm_gather.flush_to >= vma->end;
}
void cm_flushed(void) {}
void cm_fill_lists(u64 pfn, u64 order, u64 count, u64 step) {}
long cm_free_pages(void) { return cm_gather.freed; }
void cm_release(void) { release(&cm_gather); }
