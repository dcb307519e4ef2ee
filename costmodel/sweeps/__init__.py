"""Sweeps: many cells whose numbers vary along axes, kept in a folder that can be resumed."""
