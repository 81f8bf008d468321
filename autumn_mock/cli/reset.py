"""``autumn-mock reset``: back to the initial world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autumn_mock.cli.options import asks_server, concerned, json_option

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient


@click.command(short_help="Return to the initial world.")
@json_option
@asks_server
def reset(client: ControlClient, as_json: bool) -> None:
    """Return to the initial world: data, queue, faults, limits, clock and journal.

    Organisations that were opened since the start are closed. With --key: one environment, which stays.
    """
    from autumn_mock.cli.output import print_json
    from autumn_mock.counting import count_in

    answer = client.post("/reset", {})
    if as_json:
        print_json(answer)
        return
    cleared = ", ".join(count_in(count, what) for what, count in answer["cleared"].items())
    click.echo(f"reset {concerned(client)}; {f'cleared {cleared}' if cleared else 'there was nothing to clear'}")
