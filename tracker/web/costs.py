"""The page of costs: all that was spent, by whatever it was spent on, a form for more, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker.catalog import Desk, costs, placements
from tracker.catalog.costs import CostsWanted, CostView
from tracker.catalog.fields import problems
from tracker.catalog.placements import PlacementQuery
from tracker.domain.costs import Kind, Resource, Spread, resource_of
from tracker.domain.money import decimal_string, minor_units
from tracker.domain.roles import Right
from tracker.domain.spreadsheets import formula_safe
from tracker.errors import BadInput
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

MOST = 500
DECIMALS = ("amount", "rate", "retail", "hours")
_FIELDS = ("kind", "amount", "hours", "rate", "retail", "currency", "partner", "campaign", "placement", "spent_on",
           "spread", "note")  # fmt: skip
_COLUMNS = ("spent_on", "kind", "amount", "currency", "hours", "rate", "retail", "partner", "campaign", "placement",
            "spread", "note")  # fmt: skip
# What a kind has no use for: a form without scripts shows every field.
_NOT_OF = {Kind.HOURS: {"amount", "retail"}, Kind.GIFT: {"hours", "rate"}}

KINDS = {
    Kind.FEE: "Fee",
    Kind.GIFT: "Gift",
    Kind.HOURS: "Hours",
    Kind.PRODUCTION: "Production",
    Kind.AGENCY: "Agency",
    Kind.AMPLIFICATION: "Paid amplification",
    Kind.OTHER: "Other cost",
}
SPREADS = {
    Spread.EQUAL: "In equal parts",
    Spread.REVENUE: "By credited revenue",
}
RESOURCES = {
    Resource.MONEY: "Money",
    Resource.PEOPLE: "Time of people",
    Resource.GOODS: "Goods",
    Resource.COMMISSIONS: "Commissions",
}
SENTENCES = (*KINDS.values(), *SPREADS.values(), *RESOURCES.values())


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("costs", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    blueprint.app_context_processor(lambda: {"cost_kinds": KINDS, "cost_spreads": SPREADS, "resources": RESOURCES})
    _add_views(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_views(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/costs")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.get("/costs.csv")
    def table() -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            desk = wiring.desk(session, view.brand.id)
            text = _as_csv(costs.latest(desk, _wanted(), MOST * 100), Names.of(session, view.brand.id))
        return _file(text)

    @blueprint.post("/costs")
    def add() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.SPEND) as desk:
                add_typed(desk)
            return redirect(to("costs.show"), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    @blueprint.post("/costs/<cost_id>/withdraw")
    def withdraw(cost_id: str) -> ResponseReturnValue:
        """Back to the campaign whose page it was, else to all costs."""
        with _forms.desk_for(wiring, Right.SPEND) as desk:
            costs.withdraw(desk, cost_id)
        campaign = request.form.get("campaign")
        if campaign:
            return redirect(to("campaigns.step", campaign_id=campaign, name="costs"), code=303)
        return redirect(to("costs.show"), code=303)


def add_typed(desk: Desk, **fixed: str) -> CostView:
    """Add the cost of the form, with `fixed` over what was typed. Raises what adding it raises."""
    form = {name: value for name, value in _forms.typed(DECIMALS).items() if name in _FIELDS}
    unfit = _NOT_OF.get(cast("Kind", form.get("kind")), {"hours", "rate", "retail"})
    fitting = {name: value for name, value in form.items() if name not in unfit}
    return costs.add(desk, costs.NewCost.model_validate({**fitting, **fixed}))


def totals(found: Sequence[CostView]) -> list[tuple[str, Mapping[Resource, str]]]:
    """What costs come to by class, a line a currency: decimal strings."""
    sums: dict[str, dict[Resource, int]] = {}
    for cost in found:
        line = sums.setdefault(cost.currency, {})
        resource = resource_of(cost.kind)
        line[resource] = line.get(resource, 0) + minor_units(cost.amount, cost.currency)
    return [
        (currency, {resource: decimal_string(amount, currency) for resource, amount in line.items()})
        for currency, line in sorted(sums.items())
    ]


def hours(found: Sequence[CostView]) -> str:
    """The time that costs are for, as hours:minutes; empty where there is none."""
    minutes = sum(int(one.hours.split(":")[0]) * 60 + int(one.hours.split(":")[1]) for one in found if one.hours)
    return f"{minutes // 60}:{minutes % 60:02}" if minutes else ""


def places(desk: Desk, campaign_id: str | None = None) -> dict[str, str]:
    """What the placements of a form's choice are called, by id."""
    found = placements.latest(desk, PlacementQuery(campaign=campaign_id, limit=200))
    return {one.id: one.title or one.url or f"{one.network} · {one.format}" for one in found}


def _wanted() -> CostsWanted:
    """Which costs the query string asks for. Raises BadInput."""
    asked = {name: request.args.get(name) for name in ("kind", "partner", "campaign", "placement")}
    asked |= {"start": request.args.get("from"), "end": request.args.get("to")}
    try:
        return CostsWanted.model_validate(_forms.kept(asked))
    except ValidationError as error:
        raise BadInput(*problems(error)[0]) from None


def _page(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        desk = wiring.desk(session, view.brand.id)
        wanted = _wanted()
        found, names = costs.latest(desk, wanted, MOST), Names.of(session, view.brand.id)
        placed = places(desk)
    page = render_template(
        "costs.html",
        view=view,
        names=names,
        places=placed,
        wanted=wanted,
        costs=found,
        totals=totals(found),
        hours=hours(found),
        most=MOST,
        refused=refused,
        typed=_forms.typed() if refused else {},
    )
    return Response(page, status=422 if refused else 200)


def _as_csv(found: Sequence[CostView], names: Names) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for cost in found:
        said = cost.model_dump(mode="json")
        said["partner"] = names.partners.get(cost.partner or "")
        said["campaign"] = names.campaigns.get(cost.campaign or "")
        writer.writerow([formula_safe(str(said[name] if said[name] is not None else "")) for name in _COLUMNS])
    return out.getvalue()


def _file(text: str) -> Response:
    return Response(
        "\ufeff" + text,  # the mark tells a spreadsheet that it is UTF-8
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="costs.csv"'},
    )
