/* What costmodel/emulation/setup/mprotect.c is for Linux. */
#include "tiny.h"

long cm_protect(struct vma *vma, long writable) { return change_protection(vma, writable); }

#ifdef TRACKS
long cm_write_protect(struct vma *vma, long protect) { return write_protect(vma, protect); }
#endif
