"""``python -m autumn_mock``, and ``autumn-mock``."""

from autumn_mock.interpreter import gc_paused


def run() -> None:
    """The command line, as a process of its own."""
    with gc_paused():  # which would walk over every module again and again while they are loaded
        from autumn_mock.cli import main
    main(prog_name="autumn-mock")


if __name__ == "__main__":
    run()
