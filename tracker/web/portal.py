"""The partner's page: what one partner of one brand may see and do. Whatever is not his answers as if it were not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from apiflask import APIFlask
from babel import dates
from flask import Blueprint, Response, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker import catalog
from tracker.catalog import disputes, documents, messages, partnerships, qr, statements
from tracker.catalog.disputes import NewDispute
from tracker.catalog.messages import NewMessage
from tracker.catalog.statements import Month
from tracker.domain.sales import SaleState
from tracker.errors import BadInput, NotFound
from tracker.ledger import partnership, talk
from tracker.ledger.database import writing
from tracker.ledger.tables import Brand, Partner
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._seat import Seat, figures, month_asked, one_sale, promotion, sales_shown
from tracker.wiring import Wiring

_REFUSED = 422

STATES = {
    SaleState.PENDING: "On hold",
    SaleState.APPROVED: "Approved",
    SaleState.PAID: "Paid out",
    SaleState.REVERSED: "Taken back",
    SaleState.UNPAID: "Nothing due",
    SaleState.REFUSED: "Not credited",
}
KINDS = {"accrual": "Sale", "reversal": "Taken back", "adjustment": "Corrected", statements.PAYOUT: "Payout"}
DISPUTES = {"open": "Waiting for an answer", "accepted": "Dispute accepted", "refused": "Dispute refused"}
TABS = (
    ("portal.home", "Home"),
    ("portal.links", "Links"),
    ("portal.sales", "Sales"),
    ("portal.money", "Money"),
    ("portal.talk", "Messages"),
)
SENTENCES = (*STATES.values(), *KINDS.values(), *DISPUTES.values(), *(title for _endpoint, title in TABS))


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the partner's sign-in."""
    blueprint = Blueprint("portal", __name__)
    blueprint.before_request(auth.required(wiring, portal=True))
    blueprint.add_app_template_filter(month_name)
    blueprint.context_processor(lambda: {"tabs": TABS, "states": STATES, "kinds": KINDS, "dispute_states": DISPUTES})
    guard.show_errors_of(blueprint)
    _add_home(blueprint, wiring)
    _add_links(blueprint, wiring)
    _add_sales(blueprint, wiring)
    _add_money(blueprint, wiring)
    _add_talk(blueprint, wiring)
    app.register_blueprint(blueprint)


# --- views -----------------------------------------------------------------------------------------------------------


def _add_home(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/partner")
    def home() -> ResponseReturnValue:
        with wiring.sessions() as session:
            seat = _seat(session, wiring)
            return render_template("portal/home.html", seat=seat, **figures(session, seat))


def _add_links(blueprint: Blueprint, wiring: Wiring) -> None:
    def page(refused: Problems) -> ResponseReturnValue:
        with wiring.sessions() as session:
            seat = _seat(session, wiring)
            found = promotion(seat)
        typed = _forms.typed() if refused else {}
        text = render_template("portal/links.html", seat=seat, refused=refused, typed=typed, **found)
        return Response(text, status=_REFUSED if refused else 200)

    @blueprint.get("/partner/links")
    def links() -> ResponseReturnValue:
        return page([])

    @blueprint.post("/partner/links")
    def make_link() -> ResponseReturnValue:
        """A deep link to any page of the brand, with the partner's own slug or ours."""
        return _forms.answered(lambda: _make_link(wiring), page)

    @blueprint.get("/partner/links/<link_id>/qr.svg")
    def svg(link_id: str) -> ResponseReturnValue:
        link = _read(wiring, lambda seat: partnerships.own_link(seat.desk, seat.partner.id, link_id))
        return file_of(qr.svg(link.url), qr.SVG, f"{link.slug}.svg", inline=True)

    @blueprint.get("/partner/links/<link_id>/qr.png")
    def png(link_id: str) -> ResponseReturnValue:
        link = _read(wiring, lambda seat: partnerships.own_link(seat.desk, seat.partner.id, link_id))
        return file_of(qr.png(link.url), qr.PNG, f"{link.slug}.png")


def _add_sales(blueprint: Blueprint, wiring: Wiring) -> None:
    def page(order_id: str, refused: Problems) -> ResponseReturnValue:
        with wiring.sessions() as session:
            seat = _seat(session, wiring)
            found = one_sale(session, seat, order_id)
        typed = _forms.typed() if refused else {}
        text = render_template("portal/sale.html", seat=seat, refused=refused, typed=typed, **found)
        return Response(text, status=_REFUSED if refused else 200)

    @blueprint.get("/partner/sales")
    def sales() -> ResponseReturnValue:
        with wiring.sessions() as session:
            seat = _seat(session, wiring)
            return render_template("portal/sales.html", seat=seat, **sales_shown(session, seat))

    @blueprint.get("/partner/sales/<order_id>")
    def sale(order_id: str) -> ResponseReturnValue:
        return page(order_id, [])

    @blueprint.post("/partner/sales/<order_id>/dispute")
    def dispute(order_id: str) -> ResponseReturnValue:
        """Opens the dispute, or adds to it once it is there."""
        return _forms.answered(lambda: _dispute(wiring, order_id), lambda refused: page(order_id, refused))


def _add_money(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/partner/money")
    def money() -> ResponseReturnValue:
        with wiring.sessions() as session:
            seat = _seat(session, wiring)
            month = month_asked() or statements.this_month(seat.desk)
            return render_template(
                "portal/money.html",
                seat=seat,
                month=month,
                months=statements.months(seat.desk, seat.partner.id),
                statements=statements.of_month(seat.desk, seat.partner.id, month),
                owed=partnership.money(session, seat.brand.id, seat.partner.id),
                agreements=partnerships.agreements(seat.desk, seat.partner.id),
            )

    @blueprint.get("/partner/money/<month>.csv")
    def statement(month: str) -> ResponseReturnValue:
        asked = statements.month_of(month)
        found = _read(wiring, lambda seat: statements.of_month(seat.desk, seat.partner.id, asked))
        return file_of(_csv(statements.as_table(found)), "text/csv; charset=utf-8", f"statement_{asked}.csv")


def _add_talk(blueprint: Blueprint, wiring: Wiring) -> None:
    def page(refused: Problems) -> ResponseReturnValue:
        with writing(wiring.sessions) as session:
            seat = _seat(session, wiring)
            said = messages.thread(seat.desk, seat.partner.id)
            talk.mark_read(session, seat.brand.id, seat.partner.id, seat.desk.now, from_partner=False)
            own = {one.id: one for one in disputes.every(seat.desk, seat.partner.id)}
            papers = documents.every(seat.desk, seat.partner.id)
        typed = _forms.typed() if refused else {}
        text = render_template(
            "portal/talk.html", seat=seat, said=said, own=own, papers=papers, refused=refused, typed=typed
        )
        return Response(text, status=_REFUSED if refused else 200)

    @blueprint.get("/partner/messages", endpoint="talk")
    def show() -> ResponseReturnValue:
        return page([])

    @blueprint.post("/partner/messages")
    def write() -> ResponseReturnValue:
        return _forms.answered(lambda: _write(wiring), page)

    @blueprint.get("/partner/documents/<document_id>")
    def document(document_id: str) -> ResponseReturnValue:
        paper = _read(wiring, lambda seat: documents.read(seat.desk, seat.partner.id, document_id))
        return file_of(paper.content, paper.content_type, paper.name)


def month_name(month: Month) -> str:
    """A month as people say it: March 2026, mars 2026."""
    return str(dates.format_skeleton("yMMMM", month.first, locale=get_locale()))


# --- whose page it is -------------------------------------------------------------------------------------------------


def _seat(session: Session, wiring: Wiring) -> Seat:
    """The seat that the request asks for, among those of who is signed in. Raises NotFound for any other brand."""
    own = dict(auth.partnerships())
    brands = session.execute(select(Brand).where(Brand.id.in_(own)).order_by(Brand.name)).scalars().all()
    asked = request.args.get("brand")
    brand = next((one for one in brands if asked in (None, one.id)), None)
    if brand is None:
        raise NotFound("no such brand")
    partner = session.get(Partner, own[brand.id])
    if partner is None or partner.brand_id != brand.id:
        raise NotFound("no such partner")
    g.zone = ZoneInfo(brand.time_zone)
    unread = talk.unread(session, brand.id, partner.id, from_partner=False)
    return Seat(wiring.desk(session, brand.id), brand, partner, tuple((one.id, one.name) for one in brands), unread)


def _read(wiring: Wiring, ask: Callable[[Seat], Any]) -> Any:
    with wiring.sessions() as session:
        return ask(_seat(session, wiring))


# --- what a form does -------------------------------------------------------------------------------------------------


def _make_link(wiring: Wiring) -> ResponseReturnValue:
    form = _forms.typed()
    with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
        seat = _seat(session, wiring)
        url = form.get("landing_url", "")
        try:
            made = partnerships.make_link(seat.desk, seat.partner.id, url, form.get("slug"), form.get("campaign"))
        except BadInput as error:
            raise _foreign(seat, url, error) from None
        where = seat.to("portal.links", made=made.id)
    return redirect(f"{where}#link-{made.id}", code=303)


def _foreign(seat: Seat, url: str, error: BadInput) -> BadInput:
    """What is wrong with a landing URL, in the partner's language and with what would do."""
    if error.field != "landing_url" or not seat.brand.landing_domains:
        return error
    allowed = ", ".join(seat.brand.landing_domains)
    said = _("%(url)s is no page that links of %(brand)s may lead to. Take the address of a page on: %(hosts)s",
             url=url[:120], brand=seat.brand.name, hosts=allowed)  # fmt: skip
    return BadInput("landing_url", said)


def _dispute(wiring: Wiring, order_id: str) -> ResponseReturnValue:
    with writing(wiring.sessions) as session:
        seat = _seat(session, wiring)
        wanted = NewDispute(order=order_id, text=request.form.get("text", ""))
        known = disputes.of_order(seat.desk, seat.partner.id, order_id)
        if known is None:
            disputes.add(seat.desk, seat.partner.id, wanted, account=auth.account_id())
        else:
            disputes.write(seat.desk, known.id, wanted.text, from_partner=True, account=auth.account_id())
        where = seat.to("portal.sale", order_id=order_id)
    return redirect(f"{where}#dispute", code=303)


def _write(wiring: Wiring) -> ResponseReturnValue:
    with writing(wiring.sessions) as session:
        seat = _seat(session, wiring)
        wanted = NewMessage(partner=seat.partner.id, text=request.form.get("text", ""))
        messages.write(seat.desk, seat.partner.id, wanted.text, account=auth.account_id())
        where = seat.to("portal.talk")
    return redirect(f"{where}#last", code=303)


# --- files ------------------------------------------------------------------------------------------------------------


def _csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(statements.COLUMNS)
    writer.writerows(rows)
    return ("\ufeff" + out.getvalue()).encode()


def file_of(content: bytes, content_type: str, name: str, *, inline: bool = False) -> Response:
    """A file under its own name; kept out of the page unless it is drawn by us."""
    answer = Response(content, content_type=content_type)
    answer.headers.set("Content-Disposition", "inline" if inline else "attachment", filename=name)
    return answer
