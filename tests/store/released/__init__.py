"""Databases that released versions wrote: a folder for each version, whose files every later version reads.

``python -m tests.store.released`` writes that of the present version, which is done once, when it is released.
"""
