"""The fidelity check: plays what the real server answered, and cases of what it does, against a server.

The files are in ``fixtures/recordings``. :mod:`~autumn_mock.fidelity.suites` lists them, with the server that each is
played against.
"""
