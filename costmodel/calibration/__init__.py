"""Fits machine numbers to published rows, and compares all predictions with what was published."""
