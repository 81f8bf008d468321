"""``python -m autumn_mock``, and ``autumn-mock``."""

from autumn_mock.interpreter import gc_paused


def run() -> None:
    """Run the command line."""
    with gc_paused(freeze=True):  # it would traverse every module repeatedly while they are loaded
        from autumn_mock.cli import main
    main(prog_name="autumn-mock")


if __name__ == "__main__":
    run()
