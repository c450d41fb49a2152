"""The rules under which a brand's orders are credited. A change is a new version, for the orders placed from now on.

An order keeps the version of its sale time: what was placed before is credited as before, however late it arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from tracker.catalog import Desk
from tracker.catalog.fields import Input, Output, ShortText, lower, omitted
from tracker.domain.catalog import Channel
from tracker.domain.rules import LONGEST_WINDOW, BetweenPartners, Rules, SeveralCodes
from tracker.errors import BadInput, Conflict
from tracker.ledger import catalog
from tracker.ledger import rules as ledger
from tracker.ledger.tables import RuleSet
from tracker.plugins import discover

WINDOWS = ("click", *(f"click:{channel}" for channel in Channel))

Days = Annotated[int, Field(ge=1, le=LONGEST_WINDOW.days)]


def _windows(given: Mapping[str, int | None]) -> dict[str, int | None]:
    named = {name.strip().lower().replace(".", ":"): days for name, days in given.items()}
    if unknown := sorted(named.keys() - set(WINDOWS)):
        raise ValueError(f"there is no window {unknown[0][:40]}: want {', '.join(WINDOWS)}")
    if "click" in named and named["click"] is None:
        raise ValueError("the window click holds where no channel has one, and cannot go")
    return named


def _paying(name: str) -> str:
    able = sorted(name for name, model in discover("tracker.attribution").items() if model.MAY_PAY)
    if name not in able:
        raise ValueError(f"want a model that may pay: {', '.join(able)}")
    return name


Windows = Annotated[dict[str, Days | None], AfterValidator(_windows)]
Paying = Annotated[str, BeforeValidator(lower), AfterValidator(_paying)]


class NewRules(Input):
    """What is to be different from the rules in force; the rest stays.

    `windows` are days by kind, or kind and channel ("click", "click:affiliate"); null takes a channel's own away.
    """

    between_partners: Annotated[BetweenPartners, BeforeValidator(lower)] = omitted()
    several_codes: Annotated[SeveralCodes, BeforeValidator(lower)] = omitted()
    paying_model: Paying = omitted()
    windows: Windows = omitted()
    since_previous_order: bool = omitted()
    excluded_sources: Annotated[tuple[ShortText, ...], Field(max_length=50)] = omitted()


class RulesView(Output):
    """A version of the rules, and the moment from which orders are placed under it. `windows` are in days."""

    version: int
    effective_from: datetime
    between_partners: BetweenPartners
    several_codes: SeveralCodes
    paying_model: str
    windows: dict[str, float]
    since_previous_order: bool
    excluded_sources: list[str]
    models: dict[str, dict[str, str]]


def current(desk: Desk) -> RulesView:
    """The rules in force."""
    return _view(ledger.current(desk.session, desk.brand_id))


def change(desk: Desk, wanted: NewRules) -> RulesView:
    """Put a new version in force, from now on. Raises Conflict where nothing would be different."""
    catalog.brand_by_id(desk.session, desk.brand_id, lock=True)
    row = ledger.current(desk.session, desk.brand_id)
    old = Rules.from_json(row.version, row.settings).to_json()
    settings = {**old, **wanted.model_dump(mode="json", include=wanted.model_fields_set - {"windows"})}
    settings["windows"] = _merged(old["windows"], wanted.windows or {})
    try:
        rules = Rules.from_json(row.version + 1, settings)
    except ValueError as error:
        raise BadInput("rules", str(error)) from None
    if rules.to_json() == old:
        raise Conflict("these rules are in force already")
    return _view(ledger.add_version(desk.session, desk.brand_id, rules, desk.now))


def _merged(seconds: Mapping[str, int], days: Mapping[str, int | None]) -> dict[str, int]:
    """The windows in seconds, with those that were given in days in the place of the old ones."""
    kept = {name: value for name, value in seconds.items() if name not in days}
    new = {name: int(timedelta(days=value).total_seconds()) for name, value in days.items() if value is not None}
    return kept | new


def _view(row: RuleSet) -> RulesView:
    settings: dict[str, Any] = Rules.from_json(row.version, row.settings).to_json()
    settings["windows"] = {name: seconds / 86400 for name, seconds in settings["windows"].items()}
    return RulesView(version=row.version, effective_from=row.effective_from, **settings)
