"""`tracker rules`: under which rules a brand's orders are credited, and what others would have made of past orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tracker import catalog, replay
from tracker.catalog import Desk, drafts, partners
from tracker.catalog import rules as catalog_rules
from tracker.cli import _replay, _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain import differences, rule_words
from tracker.domain.differences import Comparison
from tracker.domain.rules import BetweenPartners, Rules, SeveralCodes
from tracker.errors import BadInput
from tracker.ledger import database, rules_due
from tracker.reports import _shape
from tracker.wiring import Wiring

_TAKEN_OVER = 500  # orders put under a new version in one transaction
_LISTED = 20  # orders behind a difference that a person is shown


def register(root: click.Group) -> None:
    """Add the `rules` commands."""
    root.add_command(rules)


@click.group()
def rules() -> None:
    """Who earns where several partners led to an order."""


@rules.command()
@brand_option
@json_option
def show(brand: str | None, as_json: bool) -> None:
    """Show the rules in force."""
    with _shared.reading(brand) as desk:
        _show_current(desk, as_json=as_json)


@rules.command("set")
@brand_option
@click.option("--between-partners", help=f"Code against click: {', '.join(BetweenPartners)}.")
@click.option("--several-codes", help=f"Codes of several partners: {', '.join(SeveralCodes)}.")
@click.option("--paying-model", help="The model by which partners are paid.")
@click.option("--window", "windows", multiple=True, help="Lookback days: click=30, click.influence=14 (repeatable).")
@click.option("--since-previous-order/--across-orders", default=None, help="Whether an order ends a journey.")
@click.option(
    "--excluded-source", "sources", multiple=True, help='All whose orders earn nothing (repeatable); "" for none.'
)
@json_option
def set_(
    brand: str | None, windows: tuple[str, ...], sources: tuple[str, ...], as_json: bool, **options: object
) -> None:
    """Put other rules in force, for orders placed from now on."""
    wanted = _shared.filled(
        catalog_rules.NewRules,
        windows=dict(_window(text) for text in windows) or None,
        excluded_sources=[source for source in sources if source] if sources else None,
        **options,
    )
    with _shared.writing(brand) as desk:
        catalog_rules.change(desk, wanted)
        _show_current(desk, as_json=as_json)


def _show_current(desk: Desk, *, as_json: bool) -> None:
    """The rules in force: in words for a person."""
    view = catalog_rules.current(desk)
    if as_json:
        _shared.show(view, as_json=True)
        return
    click.echo(f"version {view.version}, for orders placed since {_shared.text(view.effective_from.isoformat())}")
    _print_settings(catalog_rules.rules_of(desk).to_json(whole=True))


def _window(text: str) -> tuple[str, str | None]:
    """The window's name and days, None to take it away: `click.influence=`."""
    name, said, days = text.partition("=")
    if not said:
        raise BadInput("window", f"want a name and days such as click.influence=30, not {text}")
    return name, days.strip() or None


@rules.command()
@brand_option
@json_option
def versions(brand: str | None, as_json: bool) -> None:
    """List the versions of the rules, the newest first."""
    with _shared.reading(brand) as desk:
        found = catalog_rules.versions(desk)
    _shared.show_all(found, ("version", "standing", "effective_from", "until", "published_at"), as_json=as_json)


@rules.command()
@json_option
def presets(as_json: bool) -> None:
    """List the published policies that a draft may begin with."""
    _shared.show_all(drafts.presets(), ("name", "title", "source", "sentence"), as_json=as_json)


# --- drafts ----------------------------------------------------------------------------------------------------------


@rules.group()
def draft() -> None:
    """Rules that are not in force: change them, replay past orders under them, publish them."""


@draft.command()
@click.argument("name")
@brand_option
@click.option("--preset", help="Begin with a published policy: see tracker rules presets.")
@json_option
def new(name: str, brand: str | None, preset: str | None, as_json: bool) -> None:
    """Begin a draft: a copy of the rules in force, with a preset over it."""
    wanted = _shared.filled(drafts.NewDraft, name=name, preset=preset)
    with _shared.writing(brand) as desk:
        view = drafts.add(desk, wanted)
    _show_draft(view, as_json=as_json)


@draft.command("set")
@click.argument("name")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE…")
@brand_option
@json_option
def set_draft(name: str, settings: tuple[str, ...], brand: str | None, as_json: bool) -> None:
    """Change settings of a draft, such as windows.click:affiliate=14 or models.position_based.first=1/2.

    Windows are in days, other durations in minutes, or with their unit: 14d, 12h, 30m, 90s. A name with nothing behind
    the = takes its value away.
    """
    written = dict(_setting(text) for text in settings)
    with _shared.writing(brand) as desk:
        view = drafts.write(desk, drafts.named(desk, name), written)
    _show_draft(view, as_json=as_json)


@draft.command("show")
@click.argument("name")
@brand_option
@json_option
def show_draft(name: str, brand: str | None, as_json: bool) -> None:
    """Show a draft's settings and what each means."""
    with _shared.reading(brand) as desk:
        view = drafts.one(desk, drafts.named(desk, name))
    _show_draft(view, as_json=as_json)


@draft.command("list")
@brand_option
@json_option
def list_drafts(brand: str | None, as_json: bool) -> None:
    """List the drafts that are not published."""
    with _shared.reading(brand) as desk:
        found = drafts.every(desk)
    _shared.show_all(found, ("name", "based_on", "updated_at", "id"), as_json=as_json)


@draft.command()
@click.argument("name")
@brand_option
def drop(name: str, brand: str | None) -> None:
    """Throw a draft away."""
    with _shared.writing(brand) as desk:
        view = drafts.drop(desk, drafts.named(desk, name))
    click.echo(f"dropped {view.name}")


def _setting(text: str) -> tuple[str, str]:
    path, said, value = text.partition("=")
    if not said or not path.strip():
        raise BadInput("settings", f"want a setting and its value such as windows.click=30, not {text}")
    return path.strip(), value


def _show_draft(view: drafts.DraftView, *, as_json: bool) -> None:
    if as_json:
        _shared.show(view, as_json=True)
        return
    click.echo(f"{view.name}, begun as version {view.based_on}")
    _print_settings(view.settings)


def _print_settings(settings: Mapping[str, Any]) -> None:
    rows = [
        [key, rule_words.written(key, settings[key]), rule_words.meaning(key, settings[key])]
        for key in rule_words.in_order(settings)
    ]
    _shared.print_table(("setting", "value", "meaning"), rows)


# --- replay and publication ------------------------------------------------------------------------------------------


@rules.command("replay")
@click.argument("draft")
@brand_option
@click.option("--from", "start", help="Orders placed on this day or later.  [default: thirty days ago]")
@click.option("--to", "end", help="Orders placed on this day or earlier.  [default: today]")
@click.option("--partner", help="List only orders in which one partner gains or loses.")
@click.option("--orders", "keep", type=click.IntRange(0, 100_000), help="How many orders behind differences to list.")
@json_option
def replay_(draft: str, brand: str | None, partner: str | None, keep: int | None, as_json: bool, **days: Any) -> None:
    """What past orders would have come to under a draft; a version's number or "live" will do too.

    Nothing is written. Ctrl-C ends it at any time.
    """
    keep = keep if keep is not None else (1000 if as_json else _LISTED)
    with _shared.installation() as built:
        with built.sessions() as session:
            desk = _shared.desk(built, session, brand)
            chosen, wanted = _named(desk, draft), _range(desk, **days)
            names, size = _shared.names_at(desk), replay.count(session, wanted)
            about = partners.named(desk, partner) if partner else None
        comparison = Comparison(keep=keep, about=about)
        with _replay.progress("orders", size) as advance:
            replay.replay(built.sessions, wanted, chosen, comparison, advance)
    said = {"draft": draft, "from": wanted.start.isoformat(), "to": wanted.end.isoformat()}
    if as_json:
        _shared.print_json({**said, **differences.as_json(comparison)})
    else:
        _replay.print_comparison(comparison, names)


@rules.command()
@click.argument("draft")
@brand_option
@click.option("--from", "start", help="From when on, such as 2026-11-20 or 2026-11-20T09:00.  [default: now]")
@click.option("--past", is_flag=True, help="The start lies in the past: credit every order placed since anew.")
@json_option
def publish(draft: str, brand: str | None, start: str | None, past: bool, as_json: bool) -> None:
    """Put a draft in force: an immutable new version, for orders placed from its start on."""
    wanted = _shared.filled(drafts.Publication, start=start, past=past)
    with _shared.installation() as built:
        with catalog.changing(built.sessions, built.hasty_redis) as session:
            desk = _shared.desk(built, session, brand)
            view = drafts.publish(desk, drafts.named(desk, draft), wanted)
        left = _take_over(built, desk.brand_id)
    if as_json:
        _shared.show(view, as_json=True)
    else:
        click.echo(
            f"version {view.version} holds for orders placed since {_shared.text(view.effective_from.isoformat())}"
        )
    if left.due and not as_json:
        click.echo(f"{left.due} orders are being credited anew: see tracker rules progress")


@rules.command()
@brand_option
@json_option
def progress(brand: str | None, as_json: bool) -> None:
    """How many orders are yet to be credited anew after a change of rules."""
    with _shared.reading(brand) as desk:
        left = catalog_rules.progress(desk)
    if as_json:
        _shared.print_json({"unseen": left.unseen, "due": left.due})
    else:
        click.echo(f"{left.due} orders to be credited anew, {left.unseen} to be looked at")


def _take_over(built: Wiring, brand_id: str) -> rules_due.Left:
    """Put the orders since its start under the new version. Whatever breaks it off, a worker goes on with it."""
    with built.sessions() as session:
        size = rules_due.left(session, brand_id).unseen
    with _replay.progress("orders put under the new version", size) as advance:
        while True:
            with database.writing(built.sessions) as session:
                seen = rules_due.take_over(session, _TAKEN_OVER, built.clock.wall(), brand_id=brand_id)
            if seen is None:
                break
            advance(seen)
    with built.sessions() as session:
        return rules_due.left(session, brand_id)


def _named(desk: Desk, text: str) -> Rules:
    """The rules of a draft, of a version by its number, or those in force. A draft's name comes first."""
    known = {one.name: one.id for one in drafts.every(desk)}
    if text not in known and text.strip().lower() == "live":
        return catalog_rules.rules_of(desk)
    if text not in known and text.isascii() and text.isdigit():
        return catalog_rules.rules_of(desk, int(text[:9]))
    return drafts.rules_of(desk, drafts.named(desk, text))


def _range(desk: Desk, start: str | None, end: str | None) -> replay.Range:
    scope = _shape.scope_from(desk.session, desk.brand_id, {"from": start or "", "to": end or ""}, desk.now)
    return replay.Range(desk.brand_id, scope.start, scope.end)
