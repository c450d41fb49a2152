"""The command line: each module of this package adds its commands to `tracker`."""

from __future__ import annotations

import sys

import click

from tracker import plugins
from tracker.errors import TrackerError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tracker")
def tracker() -> None:
    """Attribution for influence and affiliation: every sale credited to the cent, with its reason."""


def main() -> None:
    """Run the command line; our own errors become one line and exit code 2."""
    for module in plugins.discover("tracker.cli").values():
        module.register(tracker)
    try:
        tracker()
    except TrackerError as error:
        click.echo(f"tracker: {error}", err=True)
        sys.exit(2)
