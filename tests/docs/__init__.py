"""The documentation: generated parts, links, examples. ``python -m tests.docs`` writes the generated parts again."""
