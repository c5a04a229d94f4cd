"""Benchmarks: each one command, each beside its peers in one run, ratios before absolute figures."""
