"""Records the builds that are shipped: loops of several kernels, compiled in build trees."""
