"""For test suites: the fixture ``autumn_mock``, and an emulator inside the process that runs the tests.

pytest loads :mod:`autumn_mock.testing.plugin` by itself, in every project where the package is installed; so it imports
nothing else of the package until a test asks for the fixture.
"""
