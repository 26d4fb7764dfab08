"""Benchmarks: each measurement in a process of its own, all of them in turns within one run."""
