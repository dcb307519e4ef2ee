"""Runs strategies over layouts and shows the smallest layout on which one breaks a guarantee."""
