"""Records the builds that are shipped: loops of several kernel versions, compiled in build trees."""
