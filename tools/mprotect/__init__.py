"""Records mm/mprotect.o of kernel build trees."""
