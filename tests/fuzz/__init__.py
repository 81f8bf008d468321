"""Random inputs: laws for hypothesis, and the same laws for atheris (``python -m tests.fuzz``)."""
