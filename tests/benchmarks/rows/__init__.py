"""The figures, each measured by a module of its own."""
