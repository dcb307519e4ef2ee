"""When each micro-op is dispatched, starts, is done and retires; files for pipeline viewers."""
