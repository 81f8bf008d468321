"""This server beside others that do some of its work: ``python -m tests.benchmarks --peers``."""
