"""`schedule`: when messages are looked at, what that costs, and what would be better."""

import click

from cli.schedule_pin import pin, unpin
from cli.schedule_show import show
from cli.schedule_simulate import simulate
from cli.schedule_suggest import suggest


@click.group()
def schedule() -> None:
    """When messages are looked at, what that costs, and what would be better."""


schedule.add_command(show)
schedule.add_command(simulate)
schedule.add_command(suggest)
schedule.add_command(pin)
schedule.add_command(unpin)
