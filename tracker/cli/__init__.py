"""The command line: each module of this package adds its commands to `tracker`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from tracker import plugins
from tracker.catalog.fields import problems
from tracker.errors import BadInput, TrackerError

# Fields whose option has another name than the field.
_OPTIONS = {
    "hosts": "host",
    "landing_domains": "landing-domain",
    "valid_from": "from",
    "expires_at": "expires",
    "windows": "window",
    "excluded_sources": "excluded-source",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tracker")
def tracker() -> None:
    """Attribution for influence and affiliation: every sale credited to the cent, with its reason."""


def main() -> None:
    """Run the command line. What was asked wrongly becomes one line on stderr and exit code 2, never a traceback."""
    for module in plugins.discover("tracker.cli").values():
        module.register(tracker)
    try:
        sys.exit(tracker(prog_name="tracker", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.Abort:
        _stop("stopped", 130)
    except click.ClickException as error:
        _stop(_usage(error), error.exit_code)
    except BadInput as error:
        _stop(f"{_option(error.field)}: {error}")
    except TrackerError as error:
        _stop(str(error))
    except ValidationError as error:
        _stop("; ".join(f"{_option(field)}: {message}" if field else message for field, message in problems(error)))
    except IntegrityError:
        _stop("something that this leans on changed at the same moment: try again")
    except (OperationalError, InterfaceError, DBAPIError) as error:
        _stop(f"the ledger does not answer ({type(error.orig).__name__})")
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be said to them, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _stop(message: str, code: int = 2) -> NoReturn:
    click.echo(f"tracker: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{error.format_message()} (see {context.command_path} --help)" if context else error.format_message()


def _option(field: str) -> str:
    name = field.partition(".")[0]
    return f"--{_OPTIONS.get(name, name.replace('_', '-'))}"
