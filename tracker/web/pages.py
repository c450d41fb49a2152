"""The marketer's pages. A page's whole state is in its URL; every figure on it comes from a report."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from jinja2 import FileSystemLoader
from sqlalchemy import exists, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from tracker.catalog import disputes
from tracker.domain import ids
from tracker.domain.catalog import Channel
from tracker.domain.objectives import OBJECTIVES
from tracker.domain.orders import Status
from tracker.errors import BadInput, Unavailable, say
from tracker.ledger import mails
from tracker.ledger.accounts import Person
from tracker.ledger.tables import Brand, Click, Link, Partner, Shop
from tracker.reports import _behind, _cockpit, _pdf, _shape, _xlsx
from tracker.reports._orders import OrderFilter, orders_page, receipt
from tracker.reports._shape import Kind, Result, Row, Scope
from tracker.web import _menu, _paging, _tables, auth, charts, filters, guard, health
from tracker.web._answers import LOOK_AGAIN
from tracker.web._view import Names, View, here, may, to, to_each
from tracker.wiring import Wiring

_PACKAGE = Path(__file__).parent.parent
_ORDERS_A_PAGE = 50
_CONNECT, _PROMOTE, _SHARE, _TRY = (
    "Connect a shop: its orders come by webhook.",
    "Add a partner: an influencer or an affiliate.",
    "Give the partner a link to share.",
    "Open the link once: the click shows here within seconds.",
)
SENTENCES = (_CONNECT, _PROMOTE, _SHARE, _TRY)
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
            part = _paging.asked()
            result = view.shown(session, wiring, name, part)
            names = Names.of(session, view.brand.id)
        found = _shape.reports()[name]
        heeded, compares = _shape.filters_of(found), getattr(found, "COMPARES", True)
        leaf = _paging.leaf_of(result, part)
        return render_template(
            "report.html",
            view=view,
            result=result,
            leaf=leaf,
            names=names,
            heeded=heeded,
            compares=compares,
            look_again=LOOK_AGAIN,
        )

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
            found, names = receipt(session, view.brand.id, order_id), Names.of(session, view.brand.id, links=True)
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


# --- what every template knows ---------------------------------------------------------------------------------------


def _everywhere(wiring: Wiring) -> Any:
    def variables() -> dict[str, object]:
        try:
            person = auth.signed_in(wiring)
        except Unavailable:  # an error page is shown all the same
            person = None
        return {
            "person": person,
            "menu": _menu.lines() if person and not person.is_partner_only else [],
            "home": auth.home_of(person),
            "may": may,
            "demo": wiring.settings.demo,
            "to": to,
            "to_each": to_each,
            "here": here,
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
            "lines_of": _tables.lines_of,
            "is_estimated": _tables.is_estimated,
            "view": g.get("view"),
        }

    return variables


def _href_of(row: Row, key: str) -> str | None:
    """Where a cell leads: to the receipt, to all about a partner, or to the orders behind a campaign or a code."""
    if key == "number" and row.get("order_id"):
        return to_each("pages.order", "order_id", str(row["order_id"]))
    if key in ("partner", "influencer", "affiliate") and row.get(f"{key}_id"):
        return to_each("partner.show", "partner_id", str(row[f"{key}_id"]))
    if key == "campaign" and row.get("campaign_id"):
        return to_each("pages.orders", "campaign", str(row["campaign_id"]), asked=True)
    if key == "code" and row.get("code"):
        return to_each("pages.orders", "code", str(row["code"]), asked=True)
    return None


# --- what a page asks ------------------------------------------------------------------------------------------------


def _overview(session: Session, view: View) -> dict[str, object]:
    """What the overview shows: the cockpit's figures, four reports and the latest orders."""
    days, (partners, more) = view.run(session, "days"), _cockpit.partners(session, view.scope)
    orders, _ = orders_page(session, view.brand.id, limit=8, model=view.scope.model, where=_in_scope(view.scope))
    person = cast("Person | None", g.get("person"))
    return {
        "overview": view.run(session, "overview"),
        "money": _cockpit.returned(session, view.scope, view.compare),
        "figures": _cockpit.COLUMNS,
        "running": _cockpit.running(session, view.scope, view.today),
        "placements": _cockpit.placements(session, view.scope),
        "waiting": _cockpit.waiting(session, view.scope, view.brand.currency, view.today),
        "failed_letters": mails.count(session).failed if person is not None and person.operator else 0,
        "objectives": OBJECTIVES,
        "channels_report": view.run(session, "channels"),
        "partners": partners,
        "more_partners": more,
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
    done = session.execute(select(*(exists().where(table.brand_id == brand.id) for table, _, _ in steps))).one()
    return [(sentence, command) for (_, sentence, command), is_done in zip(steps, done, strict=True) if not is_done]
