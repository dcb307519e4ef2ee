"""Machines, workloads and scenarios, read from YAML files in which nothing is guessed."""
