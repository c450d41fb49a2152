"""`tracker campaign`: pushes with dates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracker.catalog import campaigns
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.catalog import Objective
from tracker.errors import BadInput
from tracker.reports import _bilan, _bilan_sheet
from tracker.reports._reader import LANGUAGES, reader_of

_OBJECTIVES = ", ".join(Objective)


def register(root: click.Group) -> None:
    """Add the `campaign` commands."""
    root.add_command(campaign)


@click.group()
def campaign() -> None:
    """Pushes with dates and partners."""


@campaign.command()
@click.argument("name_", metavar="[NAME]", required=False)
@brand_option
@click.option("--name", help="The campaign's name.")
@click.option("--objective", help=f"{_OBJECTIVES}.")
@click.option("--starts-on", "--from", "--starts", "starts_on", help="Its first day, such as 2026-03-01.")
@click.option("--ends-on", "--to", "--ends", "ends_on", help="Its last day.")
@click.option("--utm", multiple=True, help="source=instagram, merged into its links' landing URLs (repeatable).")
@click.option("--budget", help="What it may cost, such as 5000.00, in the brand's currency.")
@click.option("--target-return", help="What each unit spent is to bring back, such as 5:1.  [default: the brand's]")
@click.option("--margin", help="Percent of the net value above cost of goods, such as 40.  [default: the brand's]")
@click.option("--brief", help="What its partners read.")
@click.option("--mention", help='The words that must stand beside every link, such as "Publicité".')
@json_option
def add(
    brand: str | None, name_: str | None, name: str | None, utm: tuple[str, ...], as_json: bool, **options: object
) -> None:
    """Add a campaign."""
    wanted = _shared.filled(campaigns.NewCampaign, name=_shared.either("name", name_, name), utm=_utm(utm), **options)
    with _shared.writing(brand) as desk:
        view = campaigns.add(desk, wanted)
    _shared.show(view, as_json=as_json)


@campaign.command("list")
@brand_option
@json_option
def list_(brand: str | None, as_json: bool) -> None:
    """List a brand's campaigns."""
    with _shared.reading(brand) as desk:
        views = _shared.all_pages(campaigns.page, desk, campaigns.CampaignQuery())
    _shared.show_all(views, ("id", "name", "objective", "starts_on", "ends_on", "utm"), as_json=as_json)


@campaign.command()
@click.argument("campaign")
@brand_option
@json_option
def show(campaign: str, brand: str | None, as_json: bool) -> None:
    """Show a campaign, by id or name."""
    with _shared.reading(brand, campaign) as desk:
        view = campaigns.one(desk, campaigns.named(desk, campaign))
    _shared.show(view, as_json=as_json)


@campaign.command()
@click.argument("campaign")
@brand_option
@click.option("--name", help="Its new name.")
@click.option("--objective", help=f"{_OBJECTIVES}.")
@click.option("--starts-on", "--from", "--starts", "starts_on", help="Its first day, such as 2026-03-01.")
@click.option("--ends-on", "--to", "--ends", "ends_on", help="Its last day.")
@click.option("--utm", multiple=True, help='source=instagram (repeatable), instead of what it has; "" for none.')
@click.option("--budget", help="What it may cost, such as 5000.00, in the brand's currency.")
@click.option("--target-return", help="What each unit spent is to bring back, such as 5:1.  [default: the brand's]")
@click.option("--margin", help="Percent of the net value above cost of goods, such as 40.  [default: the brand's]")
@click.option("--brief", help="What its partners read.")
@click.option("--mention", help='The words that must stand beside every link, such as "Publicité".')
@json_option
def edit(campaign: str, brand: str | None, utm: tuple[str, ...], as_json: bool, **options: object) -> None:
    """Change a campaign, by id or name."""
    change = _shared.filled(campaigns.CampaignChange, utm=_utm(utm), **options)
    with _shared.writing(brand, campaign) as desk:
        view = campaigns.edit(desk, campaigns.named(desk, campaign), change)
    _shared.show(view, as_json=as_json)


@campaign.command()
@click.argument("campaign")
@brand_option
@click.option("--pdf", "paper", type=click.Path(dir_okay=False, path_type=Path), help="Write one page of A4 there.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", help="[default: en]")
def bilan(campaign: str, brand: str | None, paper: Path | None, language: str) -> None:
    """Tell what a campaign cost and brought back, by id or name."""
    with _shared.reading(brand, campaign) as desk:
        found = _bilan.bilan(desk.session, desk.brand_id, campaigns.named(desk, campaign), desk.now)
    reader = reader_of(language)
    if paper is not None:
        _shared.write("pdf", paper, _bilan_sheet.as_pdf(found, reader))
        click.echo(f"wrote {paper}")
        return
    told = _bilan_sheet.sheet(found, reader)
    click.echo("\n".join((f"{told.title}, {told.dates}", told.lead, told.verdict, *told.formula)))
    for table in told.tables:
        _shared.print_table(table.titles, table.rows, title=table.title, right=range(1, len(table.titles)))
    click.echo("\n".join((*told.coverage, *told.method, told.at)))


def _utm(texts: tuple[str, ...]) -> dict[str, Any] | None:
    if not texts:
        return None
    parts = [text.partition("=") for text in texts if text]
    if any(not separator for _, separator, _ in parts):
        raise BadInput("utm", "want NAME=VALUE, such as source=instagram")
    return {name.strip(): value.strip() for name, _, value in parts}
