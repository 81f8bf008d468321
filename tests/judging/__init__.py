"""Random clients against random faults: which findings honest ones get, and whether dishonest ones are found.

``python -m tests.judging`` prints both rates.
"""
