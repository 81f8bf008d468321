"""How fast, how bounded: figures that can be measured anywhere.

    python -m tests.benchmarks [NAME ...] [--quick] [--json FILE]

Every figure is taken against a real server process over loopback, with the load made by another process. Where it says
how we compare with something (a bare Flask view, ``import flask``), both are measured in turns in one run, because
machines differ.
"""
