"""For test suites: the pytest fixture ``autumn_mock``, and an emulator in the process of the tests.

pytest loads :mod:`autumn_mock.testing.plugin` automatically, in every project in which the package is installed. That
module imports the rest of the package only when a test uses the fixture.
"""
