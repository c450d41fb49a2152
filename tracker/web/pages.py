"""The marketer's pages. A page's whole state is in its URL; every figure on it comes from a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from apiflask import APIFlask
from flask import Blueprint, Response, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from jinja2 import FileSystemLoader
from sqlalchemy import Select, exists, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from tracker.catalog import disputes
from tracker.domain import ids
from tracker.domain.catalog import Channel
from tracker.domain.objectives import OBJECTIVES
from tracker.domain.orders import Status
from tracker.domain.roles import Right
from tracker.errors import BadInput, NotFound, Unavailable, say
from tracker.ledger import mails
from tracker.ledger.accounts import Person
from tracker.ledger.tables import Brand, Campaign, Click, Link, Partner, Placement, Shop
from tracker.reports import _behind, _cockpit, _compare, _pdf, _shape, _xlsx
from tracker.reports._orders import OrderFilter, orders_page, receipt
from tracker.reports._shape import Kind, Result, Row, Scope
from tracker.web import _tables, auth, charts, filters, guard, health
from tracker.wiring import Wiring

_PACKAGE = Path(__file__).parent.parent
_KEPT = ("brand", "from", "to", "model", "compare")  # what a link from page to page carries on
_ORDERS_A_PAGE = 50
OVERVIEW, TERMS, PAYOUTS, ORDERS, RULES, SYSTEM = "Overview", "Terms", "Payouts", "Orders", "Rules", "System"
ESTIMATES, PEOPLE = "Models compared", "People"
DISPUTES, MESSAGES = "Disputes", "Messages"
CAMPAIGNS, COSTS, PLACEMENTS = "Campaigns", "Costs", "Placements and counters"
CROSSING, PERFORMANCE, PROOF, MONEY = "Influence × affiliation", "Performance", "Proof", "Money"
SHARE, SCHEDULES, SHARED, IMPORTS, WORK = (
    *("Sharing", "Scheduled reports", "Shared links", "Import past orders", "Long work"),
)
SETTINGS, SHOPS, BRAND, KEYS = "Settings", "Shops", "Brand", "API keys"
_CONNECT, _PROMOTE, _SHARE, _TRY = (
    "Connect a shop: its orders come by webhook.",
    "Add a partner: an influencer or an affiliate.",
    "Give the partner a link to share.",
    "Open the link once: the click shows here within seconds.",
)
SENTENCES = (
    OVERVIEW,
    CAMPAIGNS,
    COSTS,
    PLACEMENTS,
    ESTIMATES,
    PEOPLE,
    DISPUTES,
    MESSAGES,
    TERMS,
    PAYOUTS,
    ORDERS,
    RULES,
    SYSTEM,
    CROSSING,
    PERFORMANCE,
    PROOF,
    MONEY,
    *(SHARE, SCHEDULES, SHARED, IMPORTS, WORK),
    *(SETTINGS, SHOPS, BRAND, KEYS),
    _CONNECT,
    _PROMOTE,
    _SHARE,
    _TRY,
)
_BRIEF = ("partner", "channel", "revenue", "orders", "opened", "assisted", "closed", "clicks", "cvr")


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    app.jinja_loader = FileSystemLoader(template_folder())
    app.static_folder = str(Path(__file__).parent / "static")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    blueprint = Blueprint("pages", __name__)
    blueprint.before_request(auth.required(wiring, without_ledger={"pages.system"}))
    guard.show_errors_of(blueprint)
    _add_reports(blueprint, wiring)
    _add_orders(blueprint, wiring)
    _add_system(blueprint, wiring)
    blueprint.app_context_processor(_everywhere(wiring))
    app.register_blueprint(blueprint)


def template_folder() -> Path:
    """The templates: inside the package where it was built into a wheel, else at the repository's top level."""
    packaged = _PACKAGE / "_templates"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "templates"


# --- views -----------------------------------------------------------------------------------------------------------


def _add_reports(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/")
    def overview() -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.of_request(session, wiring)
            if view is None:
                return _welcome(session)
            found = _overview(session, view)
        return render_template("overview.html", view=view, **found)

    @blueprint.get("/reports/<name>")
    def report(name: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.of_request(session, wiring)
            if view is None:
                return _welcome(session)
            result = view.run(session, name, page=True)
            names = Names.of(session, view.brand.id)
        found = _shape.reports()[name]
        heeded, compares = _shape.filters_of(found), getattr(found, "COMPARES", True)
        return render_template("report.html", view=view, result=result, names=names, heeded=heeded, compares=compares)

    @blueprint.get("/reports/<name>.csv")
    def report_csv(name: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            return _download(view.run(session, name))

    @blueprint.get("/reports/<name>.xlsx")
    def report_xlsx(name: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            return _workbook(view.run(session, name), _xlsx.about(session, view.scope))

    @blueprint.get("/reports/<name>.pdf")
    def report_pdf(name: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            result, told = view.run(session, name), _xlsx.about(session, view.scope)
        return _paper(result, told, wiring.clock.now())


def _add_orders(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/orders")
    def orders() -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.of_request(session, wiring)
            if view is None:
                return _welcome(session)
            where, names = _filter(view.scope), Names.of(session, view.brand.id)
            found, further = orders_page(
                session,
                view.brand.id,
                after=request.args.get("after") or None,
                limit=_ORDERS_A_PAGE,
                model=view.scope.model,
                where=where,
            )
        return render_template("orders.html", view=view, orders=found, further=further, where=where, names=names)

    @blueprint.get("/orders/<order_id>")
    def order(order_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.of_request(session, wiring)
            if view is None:
                return _welcome(session)
            found, names = receipt(session, view.brand.id, order_id), Names.of(session, view.brand.id)
            disputed = disputes.open_about(wiring.desk(session, view.brand.id), order_id)
        return render_template("order.html", view=view, names=names, disputes=disputed, **found)


def _add_system(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/system")
    def system() -> ResponseReturnValue:
        view, found = None, health.examine(wiring, auth.signed_in(wiring))
        if found.ledger is not None:
            with suppress(OperationalError, InterfaceError), wiring.sessions() as session:
                view = View.of_request(session, wiring)
        return render_template(
            "system.html",
            view=view,
            health=found,
            troubles=health.TROUBLES,
            host=health.this_host(),
            mail_server=wiring.settings.smtp is not None,
        )


# --- what a page knows -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """The brand and the scope that a page is about, and the links that keep them."""

    brand: Brand
    brands: Sequence[Brand]
    scope: Scope
    today: date
    compare: str | None = None  # beside which earlier period, one of `_compare.HOW`

    @classmethod
    def of_request(cls, session: Session, wiring: Wiring) -> View | None:
        """From the query string; None while there is no brand. Raises BadInput and NotFound."""
        person = auth.signed_in(wiring)
        known = session.execute(select(Brand).order_by(Brand.name)).scalars().all()
        for each in known:
            session.expunge(each)  # a page of what was refused tells it after the transaction was undone
        brands = [brand for brand in known if person is not None and person.may(Right.READ, brand.id)]
        if not brands:
            return None
        asked = request.args.get("brand") or brands[0].id
        brand = next((one for one in brands if one.id == asked), None)
        if brand is None:
            raise NotFound("no such brand")
        now = wiring.clock.now()
        scope = _shape.scope_from(session, brand.id, request.args, now)
        g.zone = _shape.zone_of(session, brand.id)
        g.view = view = cls(brand, brands, scope, now.astimezone(g.zone).date(), _compared())
        return view

    @classmethod
    def required(cls, session: Session, wiring: Wiring) -> View:
        """From the query string. Raises BadInput, and NotFound also while there is no brand."""
        view = cls.of_request(session, wiring)
        if view is None:
            raise NotFound("there is no brand yet")
        return view

    def run(self, session: Session, name: str, *, page: bool = False) -> Result:
        """A report over the scope; for a `page` one that can be endless has its first rows alone."""
        return _compare.run(session, name, self.scope, self.compare, page=page)

    def last(self, days: int) -> str:
        """This page over the `days` that end today."""
        start = self.today - timedelta(days=days - 1)
        return _here(**{"from": start.isoformat(), "to": self.today.isoformat(), "after": None})

    def is_last(self, days: int) -> bool:
        """Whether that is what it shows."""
        return self.scope.end == self.today and (self.scope.end - self.scope.start).days == days - 1

    def state(self, **changes: str | None) -> dict[str, str]:
        """The query string of this view, as a page that keeps it would have it."""
        state = {
            "brand": self.brand.id if len(self.brands) > 1 else None,
            "from": self.scope.start.isoformat(),
            "to": self.scope.end.isoformat(),
            "model": self.scope.model if self.scope.model != _shape.PAYING else None,
            "campaign": self.scope.campaign_id,
            "channel": self.scope.channel,
            "partner": self.scope.partner_id,
            "network": self.scope.network,
            "compare": self.compare,
        }
        return {name: value for name, value in {**state, **changes}.items() if value}


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids on a page are called."""

    partners: Mapping[str, str]
    shops: Mapping[str, str]
    links: Mapping[str, str]
    campaigns: Mapping[str, str]
    networks: Mapping[str, str]

    @classmethod
    def of(cls, session: Session, brand_id: str) -> Names:
        """The names of a brand's things."""

        def named(query: Select[str, str]) -> dict[str, str]:
            return dict(session.execute(query).all())

        return cls(
            partners=named(select(Partner.id, Partner.name).where(Partner.brand_id == brand_id).order_by(Partner.name)),
            shops=named(select(Shop.id, Shop.name).where(Shop.brand_id == brand_id).order_by(Shop.name)),
            links=named(select(Link.id, Link.slug).where(Link.brand_id == brand_id)),
            campaigns=named(
                select(Campaign.id, Campaign.name).where(Campaign.brand_id == brand_id).order_by(Campaign.name)
            ),
            networks=named(
                select(Placement.network, Placement.network)
                .where(Placement.brand_id == brand_id)
                .distinct()
                .order_by(Placement.network)
            ),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu."""

    title: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of the menu under a heading."""

    title: str
    entries: Sequence[Entry]

    @property
    def open(self) -> bool:
        """Whether its lines are seen without a click: those around this page, and what this house is about."""
        return self.title == CROSSING or any(entry.current for entry in self.entries)


def _everywhere(wiring: Wiring) -> Any:
    def variables() -> dict[str, object]:
        try:
            person = auth.signed_in(wiring)
        except Unavailable:  # an error page is shown all the same
            person = None
        return {
            "person": person,
            "menu": _menu() if person and not person.is_partner_only else [],
            "home": auth.home_of(person),
            "may": may,
            "demo": wiring.settings.demo,
            "to": to,
            "here": _here,
            "href_of": _href_of,
            "bars_of": charts.of_channels,
            "chart_of": charts.of_days,
            "grids_of": charts.of_crossing,
            "opened_of": charts.of_opened,
            "steps_of": charts.of_steps,
            "models": {_shape.PAYING: "Paying model", **_shape.model_titles()},
            "channels": list(Channel),
            "statuses": list(Status),
            "Kind": Kind,
            "laid_out": _tables.laid_out,
            "is_estimated": _tables.is_estimated,
            "view": g.get("view"),
        }

    return variables


def _menu() -> list[Entry | Section]:
    """Overview, every report under its own heading, the rest: a new report is in it by being there.

    Headings that nobody here knows come after those that are known.
    """
    named: dict[str, list[Entry]] = {heading: [] for heading in (PERFORMANCE, CROSSING, MONEY, PROOF)}
    named[PROOF].append(_entry(ESTIMATES, to("estimates.show")))
    for name, report in _shape.in_menu_order().items():
        if name not in ("overview", "orders"):
            entry = _entry(report.TITLE, to("pages.report", name=name))
            named.setdefault(_shape.group_of(report), []).append(entry)
    named[PERFORMANCE].append(_entry(PLACEMENTS, to("placements.show"), within=True))
    named[MONEY] += [
        _entry(COSTS, to("costs.show")),
        _entry(TERMS, to("terms.show")),
        _entry(PAYOUTS, to("payouts.show")),
    ]
    sharing = [_entry(SCHEDULES, to("sending.schedules_page")), _entry(SHARED, to("sending.links_page"))]
    return [
        _entry(OVERVIEW, to("pages.overview")),
        _entry(CAMPAIGNS, to("campaigns.overview"), within=True),
        _entry(ORDERS, to("pages.orders"), within=True),
        _entry(DISPUTES, to("talk.disputes"), within=True),
        _entry(MESSAGES, to("talk.messages"), within=True),
        *(Section(title, entries) for title, entries in named.items()),
        *([Section(SHARE, sharing)] if may(Right.SHARE) else []),
        Section(SETTINGS, _settings()),
    ]


def _settings() -> list[Entry]:
    """What is set up once and looked at seldom."""
    managed = ((BRAND, "brand.show"), (KEYS, "keys.show"), (PEOPLE, "people.show"))
    return [
        _entry(SHOPS, to("shops.show"), within=True),
        _entry(RULES, to("rules.overview"), within=True),
        *(_entry(title, to(endpoint), within=True) for title, endpoint in managed if may(Right.MANAGE)),
        _entry(IMPORTS, to("imports.show"), within=True),
        _entry(WORK, to("work.every"), within=True),
        _entry(SYSTEM, to("pages.system")),
    ]


def may(right: str) -> bool:
    """Whether the role of who is signed in lets them, in the brand that the page is about or else in any of theirs."""
    person, view = cast("Person | None", g.get("person")), cast("View | None", g.get("view"))
    if person is None:
        return False
    return any(person.may(Right(right), brand) for brand in ([view.brand.id] if view else ["", *person.roles]))


def _entry(title: str, href: str, *, within: bool = False) -> Entry:
    """The entry of a page, and `within` of the pages below it."""
    path = href.partition("?")[0]
    below = within and request.path.startswith(path.rstrip("/") + "/")
    return Entry(title, href, below or path == request.path)


def to(endpoint: str, *, query: Mapping[str, str | None] | None = None, **values: str) -> str:
    """The URL of a page in the present state of brand, days and model, with `query` over it."""
    state = {name: request.args.get(name) for name in _KEPT} if "view" in g else {}
    kept = {name: value for name, value in {**state, **(query or {})}.items() if value}
    return url_for(endpoint, **cast("dict[str, Any]", values)) + (f"?{urlencode(kept)}" if kept else "")


def _here(**changes: str | None) -> str:
    """This very page with another value of some parameters; None takes one away."""
    kept = {name: value for name, value in {**request.args.to_dict(), **changes}.items() if value}
    return request.path + (f"?{urlencode(kept)}" if kept else "")


def _href_of(row: Row, key: str) -> str | None:
    """Where a cell leads: to the receipt, to all about a partner, or to the orders behind a campaign or a code."""
    if key == "number" and row.get("order_id"):
        return to("pages.order", order_id=str(row["order_id"]))
    if key in ("partner", "influencer", "affiliate") and row.get(f"{key}_id"):
        return to("partner.show", partner_id=str(row[f"{key}_id"]))
    if key == "campaign" and row.get("campaign_id"):
        return to("pages.orders", query={"campaign": str(row["campaign_id"])})
    if key == "code" and row.get("code"):
        return to("pages.orders", query={"code": str(row["code"])})
    return None


# --- what a page asks ------------------------------------------------------------------------------------------------


def _overview(session: Session, view: View) -> dict[str, object]:
    """What the overview shows: the cockpit's figures, four reports and the latest orders."""
    days, partners = view.run(session, "days"), view.run(session, "partners")
    orders, _ = orders_page(session, view.brand.id, limit=8, model=view.scope.model, where=_in_scope(view.scope))
    person = cast("Person | None", g.get("person"))
    return {
        "overview": view.run(session, "overview"),
        "money": _cockpit.returned(session, view.scope, view.compare),
        "figures": _cockpit.COLUMNS,
        "running": _cockpit.running(session, view.scope, view.today),
        "placements": _cockpit.placements(session, view.scope),
        "waiting": _cockpit.waiting(session, view.scope, view.brand.currency),
        "failed_letters": mails.count(session).failed if person is not None and person.operator else 0,
        "objectives": OBJECTIVES,
        "channels_report": view.run(session, "channels"),
        "partners": partners,
        "partner_columns": [column for column in partners.columns if column.key in _BRIEF],
        "days_report": days,
        "orders": orders,
        "names": Names.of(session, view.brand.id),
        "steps": _steps(session, view.brand),
        "behind": _behind.behind(session, view.brand.id, view.today),
    }


def _in_scope(scope: Scope) -> OrderFilter:
    return OrderFilter(
        start=scope.start,
        end=scope.end,
        partner_id=scope.partner_id,
        channel=scope.channel,
        campaign_id=scope.campaign_id,
    )


def _filter(scope: Scope) -> OrderFilter:
    """The filters of the list of orders. Raises BadInput."""
    status = request.args.get("status") or None
    if status is not None and status not in list(Status):
        raise BadInput("status", say("want one of %(choices)s", choices=", ".join(Status)))
    shop = request.args.get("shop") or None
    if shop is not None and not ids.is_id(shop):
        raise BadInput("shop", "want the id of a shop")
    attributed = {"yes": True, "no": False}.get(request.args.get("attributed", ""))
    return OrderFilter(
        start=scope.start,
        end=scope.end,
        status=status,
        shop_id=shop,
        partner_id=scope.partner_id,
        channel=scope.channel,
        campaign_id=scope.campaign_id,
        network=scope.network,
        code=(request.args.get("code") or "").strip() or None,
        attributed=attributed,
    )


def _compared() -> str | None:
    asked = request.args.get("compare") or None
    if asked is not None and asked not in _compare.HOW:
        raise BadInput("compare", say("want one of %(choices)s", choices=", ".join(_compare.HOW)))
    return asked


def _download(result: Result) -> Response:
    scope = result.scope
    name = f"{result.name}_{scope.start.isoformat()}_{scope.end.isoformat()}.csv"
    return Response(
        "\ufeff" + _shape.as_csv(result),  # the mark tells a spreadsheet that it is UTF-8
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _workbook(result: Result, told: _xlsx.About) -> Response:
    remark = gettext("Estimated, never paid") if _tables.is_estimated(result.columns) else ""
    return Response(
        _xlsx.as_xlsx(result, told, filters.reader(), remark),
        content_type=_xlsx.CONTENT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{_xlsx.file_name(result)}"'},
    )


def _paper(result: Result, told: _xlsx.About, now: datetime) -> Response:
    return Response(
        _pdf.as_pdf(result, told, filters.reader(), now),
        content_type=_pdf.CONTENT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{_pdf.file_name(result)}"'},
    )


def _welcome(session: Session) -> str:
    """The page of an installation without a brand."""
    return render_template("welcome.html")


def _steps(session: Session, brand: Brand) -> list[tuple[str, str]]:
    """What is still missing before a sale can be credited: a sentence and the command for it."""
    name = f'"{brand.name}"'
    steps = (
        (Shop, _CONNECT, f"tracker shop add --brand {name} --platform shopify"),
        (Partner, _PROMOTE, f"tracker partner add --brand {name} --name …"),
        (Link, _SHARE, f"tracker link add --brand {name} --partner … --url https://…"),
        (Click, _TRY, ""),
    )
    return [
        (sentence, command)
        for table, sentence, command in steps
        if not session.execute(select(exists().where(table.brand_id == brand.id))).scalar()
    ]
