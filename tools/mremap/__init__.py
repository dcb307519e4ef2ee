"""Records mm/mremap.o of kernel build trees."""
