"""The answers of calls, in the newest shape: a struct for each JSON object, and the function that fills it.

Older shapes are made from these in :mod:`autumn_mock.wire.versions`. A field that a version renames keeps its name
here: ``renamed`` of that version's changes has the key of its JSON.
"""
