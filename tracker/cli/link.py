"""`tracker link`: tracked URLs."""

from __future__ import annotations

from pathlib import Path

import click

from tracker.catalog import links, qr
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.catalog import Channel
from tracker.errors import BadInput

_CHANNELS = " or ".join(Channel)
_LANDING = ("--landing-url", "--landing", "--url", "--to")


def register(root: click.Group) -> None:
    """Add the `link` commands."""
    root.add_command(link)


@click.group()
def link() -> None:
    """Tracked links. Each belongs to a partner."""


@link.command()
@click.argument("landing_url_", metavar="[LANDING_URL]", required=False)
@brand_option
@click.option("--partner", required=True, help="Whose, by id or name.")
@click.option(*_LANDING, "landing_url", help="Where it leads: https, in the brand's landing domains.")
@click.option("--slug", help="The word in the URL.  [default: a random one]")
@click.option("--host", help="The tracking host.  [default: the brand's first public one]")
@click.option("--campaign", help="For which campaign, by id or name.")
@click.option("--placement", help="In which placement, by id or web address.")
@click.option("--channel", help=f"{_CHANNELS}.  [default: the partner's]")
@click.option("--expires-at", "--expires", "expires_at", help="Its last day, or the time at which it ends.")
@json_option
def add(
    brand: str | None, landing_url_: str | None, landing_url: str | None, as_json: bool, **options: str | None
) -> None:
    """Add a link."""
    landing = _shared.either("landing_url", landing_url_, landing_url)
    with _shared.writing(brand, options["partner"], options["campaign"], options["placement"]) as desk:
        view = links.add(desk, _shared.filled(links.NewLink, desk, landing_url=landing, **options))
    _shared.show(view, as_json=as_json)


@link.command("list")
@brand_option
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--campaign", help="Of one campaign, by id or name.")
@click.option("--placement", help="Of one placement, by id or web address.")
@json_option
def list_(brand: str | None, as_json: bool, **options: str | None) -> None:
    """List a brand's links."""
    with _shared.reading(brand, *options.values()) as desk:
        views = _shared.all_pages(links.page, desk, _shared.filled(links.LinkQuery, desk, **options))
        names = _shared.names_at(desk)
    columns = ("id", "url", "landing_url", "partner", "campaign", "channel", "expires_at", "disabled_at")
    _shared.show_all(views, columns, as_json=as_json, names=names)


@link.command()
@click.argument("link")
@brand_option
@json_option
def show(link: str, brand: str | None, as_json: bool) -> None:
    """Show a link, by id, slug or URL."""
    with _shared.reading(brand, link) as desk:
        view = links.one(desk, links.named(desk, link))
    _shared.show(view, as_json=as_json)


@link.command()
@click.argument("link")
@brand_option
@click.option(*_LANDING, "landing_url", help="Where it leads from now on.")
@click.option("--campaign", help='For which campaign, by id or name; "" for none.')
@click.option("--placement", help='In which placement, by id or web address; "" for none.')
@click.option("--channel", help=f'{_CHANNELS}; "" for the partner\'s.')
@click.option(
    "--expires-at", "--expires", "expires_at", help='Its last day, or the time at which it ends; "" for never.'
)
@json_option
def edit(link: str, brand: str | None, as_json: bool, **options: str | None) -> None:
    """Change a link, by id, slug or URL."""
    _change(link, brand, as_json, **options)


@link.command()
@click.argument("link")
@brand_option
@json_option
def disable(link: str, brand: str | None, as_json: bool) -> None:
    """Stop a link: it leads to the brand's fallback from now on."""
    _change(link, brand, as_json, disabled=True)


@link.command()
@click.argument("link")
@brand_option
@json_option
def enable(link: str, brand: str | None, as_json: bool) -> None:
    """Let a disabled link work again."""
    _change(link, brand, as_json, disabled=False)


@link.command("qr")
@click.argument("link")
@brand_option
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write it there as SVG.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Write it there as PNG.")
def qr_(link: str, brand: str | None, svg: Path | None, png: Path | None) -> None:
    """Write the QR code of a link, by id, slug or URL."""
    if svg is None and png is None:
        raise BadInput("svg", "say where to write it, as --svg FILE or --png FILE")
    with _shared.reading(brand, link) as desk:
        address = links.one(desk, links.named(desk, link)).url
    for option, file, drawn in (("svg", svg, qr.svg), ("png", png, qr.png)):
        if file is not None:
            _shared.write(option, file, drawn(address))
    click.echo(address)


def _change(link: str, brand: str | None, as_json: bool, **options: object) -> None:
    with _shared.writing(brand, link) as desk:
        view = links.edit(desk, links.named(desk, link), _shared.filled(links.LinkChange, desk, **options))
    _shared.show(view, as_json=as_json)
