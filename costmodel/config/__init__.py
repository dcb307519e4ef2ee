"""Machines, workloads and scenarios, read strictly from YAML."""
